# from: RestrictedPython: advisories and its own list of what is guarded (CVE-2024-47532: names of modules through string)
# expect: denied import-not-allowed:4
import string
string._re.sys
