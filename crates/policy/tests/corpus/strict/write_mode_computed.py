# from: a list of things that a check of names must see through
# expect: denied call-denied:3 write-outside-workspace:4 call-denied:4
mode = input
open('/etc/motd', mode('w'))
