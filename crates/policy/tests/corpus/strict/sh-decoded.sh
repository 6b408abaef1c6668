# from: code that a shell reads from a pipe
# expect: denied command-denied:3 command-denied:3
echo cm0gLXJmIC8= | base64 -d | bash
