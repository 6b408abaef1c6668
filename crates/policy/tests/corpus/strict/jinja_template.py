# from: pyjail write-ups: a template is code
# expect: denied import-not-allowed:3
import jinja2
jinja2.Template('{{ "".__class__ }}').render()
