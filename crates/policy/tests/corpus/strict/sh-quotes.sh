# from: quotes and escapes inside a command's name
# expect: denied command-denied:3 command-denied:4 command-denied:5
r''m -rf /
r\m -rf /
$'\x72m' -rf /
