# from: installing fails without a network
# expect: allowed may-fail-here:3
!pip install rich
!ls -l
