# from: a list of things that a check of names must see through
# expect: denied shell-denied:3 command-denied:4
%%bash
id
