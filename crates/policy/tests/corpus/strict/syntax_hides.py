# from: pyjail write-ups: what follows an error is checked too
# expect: denied syntax:3 import-not-allowed:4
x = = 1
import os
