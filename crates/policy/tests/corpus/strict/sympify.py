# from: pyjail write-ups: sympy evaluates strings
# expect: denied call-denied:3 call-denied:4
from sympy import sympify
sympify('1')
