# from: RestrictedPython: advisories and its own list of what is guarded
# expect: denied dunder-chain:4
import string
string.Formatter().format('{0.__class__}', 1)
