# from: a sandbox contains it
# expect: allowed
().__class__.__base__.__subclasses__()
open('/etc/passwd', 'w')
eval('1 + 1')
