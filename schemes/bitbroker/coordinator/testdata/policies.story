> GET /policy
200
Access-Control-Allow-Origin: *
Content-Length: 2
Content-Type: application/json; charset=utf-8
Etag: W/"2-l9Fw4VUO7kr8CvBlt4zaMCqXZ0w"
[]

> GET /policy/over-a-billion
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> POST /policy/over-a-billion
> {"name":"The Most Populated Countries","description":"Over a billion","tags":["Big","all"],"policy":{"access_control":{"enabled":true,"quota":{"max_number":86400,"interval_type":"day"},"rate":250},"data_segment":{"segment_query":{"type":"country","entity.population":{"$gt":1e9}},"field_masks":[]},"legal_context":[{"type":"attribution","text":"Data is supplied by Wikipedia","link":"https://en.wikipedia.org/"}],"more":{"Access_Control":1}}}
201
Access-Control-Allow-Origin: *
Content-Length: 0
Location: https://bitbroker.example.com/coordinator/v1/policy/over-a-billion

> POST /policy/Over-A-Billion/
> {"name":"n","description":"d","policy":{"access_control":{"enabled":false},"data_segment":{"segment_query":{}},"legal_context":[]}}
409
Access-Control-Allow-Origin: *
Content-Length: 55
Content-Type: application/json; charset=utf-8
Etag: W/"37-+H2xUuUMn2QsiI9hPkFxW5xCsck"
{"error":{"code":409,"status":"Conflict","message":""}}

> POST /policy/Open/
> {"name":"Open","description":"d","policy":{"access_control":{"enabled":false},"data_segment":{"segment_query":{}},"legal_context":[]}}
201
Access-Control-Allow-Origin: *
Content-Length: 0
Location: https://bitbroker.example.com/coordinator/v1/policy/Open

> GET /policy
200
Access-Control-Allow-Origin: *
Content-Length: 311
Content-Type: application/json; charset=utf-8
Etag: W/"137-TjtmNkALhfLx4WfQ/PAvdsOYs+Y"
[{"id":"open","url":"https://bitbroker.example.com/coordinator/v1/policy/open","name":"Open","description":"d","tags":[]},{"id":"over-a-billion","url":"https://bitbroker.example.com/coordinator/v1/policy/over-a-billion","name":"The Most Populated Countries","description":"Over a billion","tags":["Big","all"]}]

> GET /policy/over-a-billion
200
Access-Control-Allow-Origin: *
Content-Length: 546
Content-Type: application/json; charset=utf-8
Etag: W/"222-e17YAXVfBrAU1Gbi5dxARxgh3Y4"
{"id":"over-a-billion","url":"https://bitbroker.example.com/coordinator/v1/policy/over-a-billion","name":"The Most Populated Countries","description":"Over a billion","tags":["Big","all"],"policy":{"more":{"Access_Control":1},"data_segment":{"field_masks":[],"segment_query":{"type":"country","entity.population":{"$gt":1000000000}}},"legal_context":[{"link":"https://en.wikipedia.org/","text":"Data is supplied by Wikipedia","type":"attribution"}],"access_control":{"rate":250,"quota":{"max_number":86400,"interval_type":"day"},"enabled":true}}}

> GET /policy/open
200
Access-Control-Allow-Origin: *
Content-Length: 221
Content-Type: application/json; charset=utf-8
Etag: W/"dd-s34u9U1/d4oKWzlHGc0G6Zy5+H0"
{"id":"open","url":"https://bitbroker.example.com/coordinator/v1/policy/open","name":"Open","description":"d","tags":[],"policy":{"data_segment":{"segment_query":{}},"legal_context":[],"access_control":{"enabled":false}}}

> GET /policy/over-a-billion/access-control
200
Access-Control-Allow-Origin: *
Content-Length: 78
Content-Type: application/json; charset=utf-8
Etag: W/"4e-mH2MeLBPcgScla10tkqyNRiY3M4"
{"rate":250,"quota":{"max_number":86400,"interval_type":"day"},"enabled":true}

> GET /policy/over-a-billion/Access-Control/
200
Access-Control-Allow-Origin: *
Content-Length: 78
Content-Type: application/json; charset=utf-8
Etag: W/"4e-mH2MeLBPcgScla10tkqyNRiY3M4"
{"rate":250,"quota":{"max_number":86400,"interval_type":"day"},"enabled":true}

> GET /policy/nothing/access-control
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> GET /policy/over-a-billion/access_control
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> GET /policy/over-a-billion/legal-context
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> POST /policy/x
> {}
400
Access-Control-Allow-Origin: *
Content-Length: 605
Content-Type: application/json; charset=utf-8
Etag: W/"25d-8NoUmB+8hkoWdrTOtWV1OzShPSE"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"slug","index":null,"reason":"does not match pattern \"^[a-z][a-z0-9-]+$\""},{"name":"slug","index":null,"reason":"does not meet minimum length of 3"},{"name":"name","index":null,"reason":"does not meet minimum length of 1"},{"name":"description","index":null,"reason":"does not meet minimum length of 1"},{"name":"policy","index":null,"reason":"requires property \"access_control\""},{"name":"policy","index":null,"reason":"requires property \"data_segment\""},{"name":"policy","index":null,"reason":"requires property \"legal_context\""}]}}

> POST /policy/good
> {"name":"n","description":"d","policy":{"access_control":{"enabled":"true","quota":{"max_number":-1,"interval_type":"year"},"rate":1.5},"data_segment":{},"legal_context":[{"type":"rumour","text":"","link":"nowhere"},5]}}
400
Access-Control-Allow-Origin: *
Content-Length: 1053
Content-Type: application/json; charset=utf-8
Etag: W/"41d-JnM3gV1c6TZ9pQ6zMQeVc29qAlY"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"policy.access_control.enabled","index":null,"reason":"is not of a type(s) boolean"},{"name":"policy.access_control.quota.max_number","index":null,"reason":"must be greater than or equal to 0"},{"name":"policy.access_control.quota.interval_type","index":null,"reason":"is not one of enum values: day,month"},{"name":"policy.access_control.rate","index":null,"reason":"is not of a type(s) integer"},{"name":"policy.data_segment","index":null,"reason":"requires property \"segment_query\""},{"name":"policy.legal_context.type","index":0,"reason":"is not one of enum values: attribution,contact,license,note,source,terms"},{"name":"policy.legal_context.text","index":0,"reason":"does not meet minimum length of 1"},{"name":"policy.legal_context.link","index":0,"reason":"does not conform to the \"uri\" format"},{"name":"policy.legal_context.link","index":0,"reason":"does not match pattern \"^https?://.*$\""},{"name":"policy.legal_context","index":1,"reason":"is not of a type(s) object"}]}}

> POST /policy/good
> {"name":"n","description":"d","policy":{"access_control":{"enabled":true},"data_segment":{"segment_query":{"$where":"1"}},"legal_context":[]}}
400
Access-Control-Allow-Origin: *
Content-Length: 173
Content-Type: application/json; charset=utf-8
Etag: W/"ad-d+8B6GdR6ef4F+Wyl/wFMKe9OBs"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"policy.data_segment.segment_query","index":null,"reason":"Catalog query contains unrecognised operations"}]}}

> POST /policy/good
> {"name":"n","description":"d","policy":{"access_control":{"enabled":true},"data_segment":{"segment_query":{"$and":[]}},"legal_context":[]}}
400
Access-Control-Allow-Origin: *
Content-Length: 157
Content-Type: application/json; charset=utf-8
Etag: W/"9d-W1KiD4ejChPh+YTd7GHnK9H+Nug"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"policy.data_segment.segment_query","index":null,"reason":"Catalog query cannot be parsed"}]}}

> POST /policy/good
> {"name":"n","description":"d","policy":{"access_control":{"enabled":true},"data_segment":{"segment_query":{}}}}
400
Access-Control-Allow-Origin: *
Content-Length: 135
Content-Type: application/json; charset=utf-8
Etag: W/"87-ZlfJtbmJeBkA16qnQ9Hwfdff63Y"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"policy","index":null,"reason":"requires property \"legal_context\""}]}}

> PUT /policy/open
> {"name":"Opened","description":"d","policy":{"access_control":{"enabled":true,"rate":5},"data_segment":{"segment_query":{}},"legal_context":[]},"tags":["alps"]}
204
Access-Control-Allow-Origin: *

> GET /policy/open
200
Access-Control-Allow-Origin: *
Content-Length: 237
Content-Type: application/json; charset=utf-8
Etag: W/"ed-FhFW+zOQ17XsKFHJvHR9ijOAD2Q"
{"id":"open","url":"https://bitbroker.example.com/coordinator/v1/policy/open","name":"Opened","description":"d","tags":["alps"],"policy":{"data_segment":{"segment_query":{}},"legal_context":[],"access_control":{"rate":5,"enabled":true}}}

> PUT /policy/open
> {}
400
Access-Control-Allow-Origin: *
Content-Length: 446
Content-Type: application/json; charset=utf-8
Etag: W/"1be-qO9UMsZmUmeGsN6AO57Y5cCrR5Y"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"name","index":null,"reason":"does not meet minimum length of 1"},{"name":"description","index":null,"reason":"does not meet minimum length of 1"},{"name":"policy","index":null,"reason":"requires property \"access_control\""},{"name":"policy","index":null,"reason":"requires property \"data_segment\""},{"name":"policy","index":null,"reason":"requires property \"legal_context\""}]}}

> PUT /policy/nothing
> {"name":"n","description":"d","policy":{"access_control":{"enabled":true},"data_segment":{"segment_query":{}},"legal_context":[]}}
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> PUT /policy/%E2%84%AAelvin
> {"name":"n","description":"d","policy":{"access_control":{"enabled":true},"data_segment":{"segment_query":{}},"legal_context":[]}}
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> GET /search/policy/tags?q=al
200
Access-Control-Allow-Origin: *
Content-Length: 14
Content-Type: application/json; charset=utf-8
Etag: W/"e-NtSwcbg4Ut3GL/NRIWl8ckviG/8"
["all","alps"]

> GET /search/policy/tags?q=B
200
Access-Control-Allow-Origin: *
Content-Length: 7
Content-Type: application/json; charset=utf-8
Etag: W/"7-GguQrU9ryQRwwe6rKavPsjVZLRs"
["Big"]

# Accesses.
> POST /user
> {"name":"Alice","email":"alice@domain.com","organization":"Acme"}
201
Access-Control-Allow-Origin: *
Content-Length: 0
Location: https://bitbroker.example.com/coordinator/v1/user/1

> GET /user/1/access
200
Access-Control-Allow-Origin: *
Content-Length: 2
Content-Type: application/json; charset=utf-8
Etag: W/"2-l9Fw4VUO7kr8CvBlt4zaMCqXZ0w"
[]

> GET /user/77/access
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> GET /user/abc/access
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> GET /user/12345678901/access
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> GET /user/1/access/open
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> GET /user/1/access/nothing
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> POST /user/77/access/open
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> POST /user/abc/access/open
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> POST /user/12345678901/access/open
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> POST /user/1/access/nothing
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> POST /user/1/access/%E2%84%AAelvin
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> POST /user/1/access/open
201
Access-Control-Allow-Origin: *
Cache-Control: no-store
Content-Length: 110
Content-Type: text/html; charset=utf-8
Etag: W/"6e-wosJTJ3wG3GRCVHWGk9I0ziFLZk"
Location: https://bitbroker.example.com/coordinator/v1/user/1/access/open
aaaaaaaa-aaaa-4aaa-8aaa-000000000003.bbbbbbbb-bbbb-4bbb-8bbb-000000000003.cccccccc-cccc-4ccc-8ccc-000000000003

> POST /user/1/access/open
409
Access-Control-Allow-Origin: *
Content-Length: 55
Content-Type: application/json; charset=utf-8
Etag: W/"37-+H2xUuUMn2QsiI9hPkFxW5xCsck"
{"error":{"code":409,"status":"Conflict","message":""}}

> POST /User/1/Access/Over-A-Billion/
201
Access-Control-Allow-Origin: *
Cache-Control: no-store
Content-Length: 110
Content-Type: text/html; charset=utf-8
Etag: W/"6e-IsxevqxHXVu0Edp0URTi590PzbE"
Location: https://bitbroker.example.com/coordinator/v1/User/1/Access/Over-A-Billion
aaaaaaaa-aaaa-4aaa-8aaa-000000000005.bbbbbbbb-bbbb-4bbb-8bbb-000000000005.cccccccc-cccc-4ccc-8ccc-000000000005

> GET /user/1/access
200
Access-Control-Allow-Origin: *
Content-Length: 463
Content-Type: application/json; charset=utf-8
Etag: W/"1cf-wkCuGw8Pak1BHbtIiNH41XE/+ME"
[{"id":"open","url":"https://bitbroker.example.com/coordinator/v1/user/1/access/open","policy":{"id":"open","url":"https://bitbroker.example.com/coordinator/v1/policy/open"},"created":"2026-11-22T12:00:00.000Z"},{"id":"over-a-billion","url":"https://bitbroker.example.com/coordinator/v1/user/1/access/over-a-billion","policy":{"id":"over-a-billion","url":"https://bitbroker.example.com/coordinator/v1/policy/over-a-billion"},"created":"2026-11-22T12:00:00.000Z"}]

> GET /user/1/access/open
200
Access-Control-Allow-Origin: *
Content-Length: 210
Content-Type: application/json; charset=utf-8
Etag: W/"d2-115XZTNjOGYuLW40k+38plOgE00"
{"id":"open","url":"https://bitbroker.example.com/coordinator/v1/user/1/access/open","policy":{"id":"open","url":"https://bitbroker.example.com/coordinator/v1/policy/open"},"created":"2026-11-22T12:00:00.000Z"}

> GET /user/001/access/OPEN/
200
Access-Control-Allow-Origin: *
Content-Length: 210
Content-Type: application/json; charset=utf-8
Etag: W/"d2-115XZTNjOGYuLW40k+38plOgE00"
{"id":"open","url":"https://bitbroker.example.com/coordinator/v1/user/1/access/open","policy":{"id":"open","url":"https://bitbroker.example.com/coordinator/v1/policy/open"},"created":"2026-11-22T12:00:00.000Z"}

> GET /user/1
200
Access-Control-Allow-Origin: *
Content-Length: 371
Content-Type: application/json; charset=utf-8
Etag: W/"173-sR3E+b+wBpFZEBASDooTh8FmeCg"
{"id":1,"url":"https://bitbroker.example.com/coordinator/v1/user/1","name":"Alice","email":"alice@domain.com","organization":"Acme","coordinator":false,"accesses":[{"id":"open","url":"https://bitbroker.example.com/coordinator/v1/user/1/access/open"},{"id":"over-a-billion","url":"https://bitbroker.example.com/coordinator/v1/user/1/access/over-a-billion"}],"addendum":{}}

> GET /user
200
Access-Control-Allow-Origin: *
Content-Length: 359
Content-Type: application/json; charset=utf-8
Etag: W/"167-eGdK6GTapWGhAHUuQEPNIfT2IR4"
[{"id":1,"url":"https://bitbroker.example.com/coordinator/v1/user/1","name":"Alice","email":"alice@domain.com","organization":"Acme","coordinator":false,"accesses":[{"id":"open","url":"https://bitbroker.example.com/coordinator/v1/user/1/access/open"},{"id":"over-a-billion","url":"https://bitbroker.example.com/coordinator/v1/user/1/access/over-a-billion"}]}]

> PUT /user/1/access/open
200
Access-Control-Allow-Origin: *
Cache-Control: no-store
Content-Length: 110
Content-Type: text/html; charset=utf-8
Etag: W/"6e-Xq9gm0OrreiLdnwm0FHbGpU52Bw"
aaaaaaaa-aaaa-4aaa-8aaa-000000000006.bbbbbbbb-bbbb-4bbb-8bbb-000000000006.cccccccc-cccc-4ccc-8ccc-000000000006

> PUT /user/1/access/Open/
200
Access-Control-Allow-Origin: *
Cache-Control: no-store
Content-Length: 110
Content-Type: text/html; charset=utf-8
Etag: W/"6e-OmnaqVA/wraG6lWDzU+7E2vPCOM"
aaaaaaaa-aaaa-4aaa-8aaa-000000000007.bbbbbbbb-bbbb-4bbb-8bbb-000000000007.cccccccc-cccc-4ccc-8ccc-000000000007

> PUT /user/1/access/nothing
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> PUT /user/77/access/open
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> PUT /user/abc/access/open
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> PUT /user/1/access
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> POST /user/1/access
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> DELETE /user/1/access/open
204
Access-Control-Allow-Origin: *

> DELETE /user/1/access/open
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> DELETE /user/abc/access/open
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> PUT /user/1/access/open
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> POST /user/1/access/open
201
Access-Control-Allow-Origin: *
Cache-Control: no-store
Content-Length: 110
Content-Type: text/html; charset=utf-8
Etag: W/"6e-W9fZnyl9N9UuMS8v+fCxnH9cKCQ"
Location: https://bitbroker.example.com/coordinator/v1/user/1/access/open
aaaaaaaa-aaaa-4aaa-8aaa-000000000011.bbbbbbbb-bbbb-4bbb-8bbb-000000000011.cccccccc-cccc-4ccc-8ccc-000000000011

# With its policy goes an access, and it does not come back.
> DELETE /policy/open
204
Access-Control-Allow-Origin: *

> DELETE /policy/open
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> GET /user/1/access
200
Access-Control-Allow-Origin: *
Content-Length: 252
Content-Type: application/json; charset=utf-8
Etag: W/"fc-df0V2E79fvxKfykBx8XAu7HC66g"
[{"id":"over-a-billion","url":"https://bitbroker.example.com/coordinator/v1/user/1/access/over-a-billion","policy":{"id":"over-a-billion","url":"https://bitbroker.example.com/coordinator/v1/policy/over-a-billion"},"created":"2026-11-22T12:00:00.000Z"}]

> GET /user/1/access/open
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> PUT /user/1/access/open
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> POST /policy/open
> {"name":"Open","description":"d","policy":{"access_control":{"enabled":false},"data_segment":{"segment_query":{}},"legal_context":[]}}
201
Access-Control-Allow-Origin: *
Content-Length: 0
Location: https://bitbroker.example.com/coordinator/v1/policy/open

> GET /user/1/access/open
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> POST /user/1/access/open
201
Access-Control-Allow-Origin: *
Cache-Control: no-store
Content-Length: 110
Content-Type: text/html; charset=utf-8
Etag: W/"6e-fmqfFNttOVq5WFMLhi1Cp9kEniw"
Location: https://bitbroker.example.com/coordinator/v1/user/1/access/open
aaaaaaaa-aaaa-4aaa-8aaa-000000000013.bbbbbbbb-bbbb-4bbb-8bbb-000000000013.cccccccc-cccc-4ccc-8ccc-000000000013

> GET /policy/%2e
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> DELETE /policy/nothing
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}
