# from: pyjail write-ups
# expect: denied import-not-allowed:4
import json
json.codecs.builtins.eval('1')
