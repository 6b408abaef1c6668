# from: pyjail write-ups: a magic needs no percent sign
# expect: denied shell-denied:3
sx id
