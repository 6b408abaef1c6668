# from: a connection that looks like a file
# expect: denied command-denied:3
exec 3>/dev/tcp/192.0.2.1/80
