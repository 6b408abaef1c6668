# from: pyjail write-ups: Python runs a cell as text, whatever a cookie says
# expect: denied syntax:4
# coding: utf7
+AG8AcwA-
