# from: a list of things that a check of names must see through
# expect: denied write-outside-workspace:3
open('/etc/motd', 'w')
