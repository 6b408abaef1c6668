# from: nobody types
# expect: allowed may-fail-here:3
name = input('Name? ')
