# from: a list of things that a check of names must see through
# expect: denied call-denied:4
import base64
exec(base64.b64decode('aW1wb3J0IG9z'))
