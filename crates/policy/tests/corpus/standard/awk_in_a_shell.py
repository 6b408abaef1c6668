# from: braces of a shell are no Python
# expect: allowed
!awk '{print $1}' table.txt
x = !ls
