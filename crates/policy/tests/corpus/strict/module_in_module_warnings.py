# from: pyjail write-ups
# expect: denied import-not-allowed:4
import warnings
warnings.sys.modules
