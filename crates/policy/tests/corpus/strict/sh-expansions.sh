# from: a name from variables, globs, indirection and IFS
# expect: denied command-denied:3 unresolved-name:4 unresolved-name:5
a=r; b=m; $a$b -rf /
/bin/r? -rf /
v=a; ${!v} x
cat${IFS}/etc/passwd
