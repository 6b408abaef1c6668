# from: pyjail write-ups
# expect: denied call-denied:3
!echo {open('/etc/passwd').read()} {eval('1')}
