# from: braces in place of spaces: the parser does not know them, so the check fails closed
# expect: denied syntax:4
{rm,-rf,/}
