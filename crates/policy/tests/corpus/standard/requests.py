# from: a network is usually not there
# expect: allowed may-fail-here:3
import requests
requests.get('http://example.org')
import requests
