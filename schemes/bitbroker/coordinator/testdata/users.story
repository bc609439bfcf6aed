# The announcement, and what all three APIs have.
> GET /
200
Access-Control-Allow-Origin: *
Content-Length: 150
Content-Type: application/json; charset=utf-8
Etag: W/"96-DdZ5Iv+WmcF/RTqSTg17333DCIs"
{"now":"2026-11-22T12:00:00.000Z","name":"bit-broker coordinator service","base":"https://bitbroker.example.com/coordinator/v1","status":"production"}

> GET /
200
Access-Control-Allow-Origin: *
Content-Length: 150
Content-Type: application/json; charset=utf-8
Etag: W/"96-DdZ5Iv+WmcF/RTqSTg17333DCIs"
{"now":"2026-11-22T12:00:00.000Z","name":"bit-broker coordinator service","base":"https://bitbroker.example.com/coordinator/v1","status":"production"}

> HEAD /
200
Access-Control-Allow-Origin: *
Content-Length: 150
Content-Type: application/json; charset=utf-8
Etag: W/"96-DdZ5Iv+WmcF/RTqSTg17333DCIs"

> GET /error/test
500
Access-Control-Allow-Origin: *
Content-Length: 68
Content-Type: application/json; charset=utf-8
Etag: W/"44-9cWN1iYf5wDz18MioSBHRwQpxds"
{"error":{"code":500,"status":"Internal Server Error","message":""}}

> GET /ERROR/Test/
500
Access-Control-Allow-Origin: *
Content-Length: 68
Content-Type: application/json; charset=utf-8
Etag: W/"44-9cWN1iYf5wDz18MioSBHRwQpxds"
{"error":{"code":500,"status":"Internal Server Error","message":""}}

> POST /
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> GET /error
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> GET /nothing
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> PATCH /user
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> PUT /user
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> DELETE /user
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

# Nobody is there.
> GET /user
200
Access-Control-Allow-Origin: *
Content-Length: 2
Content-Type: application/json; charset=utf-8
Etag: W/"2-l9Fw4VUO7kr8CvBlt4zaMCqXZ0w"
[]

> HEAD /user
200
Access-Control-Allow-Origin: *
Content-Length: 2
Content-Type: application/json; charset=utf-8
Etag: W/"2-l9Fw4VUO7kr8CvBlt4zaMCqXZ0w"

> GET /user none=W/"2-l9Fw4VUO7kr8CvBlt4zaMCqXZ0w"
304
Access-Control-Allow-Origin: *
Etag: W/"2-l9Fw4VUO7kr8CvBlt4zaMCqXZ0w"

> GET /user none="2-l9Fw4VUO7kr8CvBlt4zaMCqXZ0w"
304
Access-Control-Allow-Origin: *
Etag: W/"2-l9Fw4VUO7kr8CvBlt4zaMCqXZ0w"

> HEAD /user none="x",+W/"2-l9Fw4VUO7kr8CvBlt4zaMCqXZ0w"
304
Access-Control-Allow-Origin: *
Etag: W/"2-l9Fw4VUO7kr8CvBlt4zaMCqXZ0w"

> GET /user none=*
304
Access-Control-Allow-Origin: *
Etag: W/"2-l9Fw4VUO7kr8CvBlt4zaMCqXZ0w"

> GET /user none=* like=no-cache
200
Access-Control-Allow-Origin: *
Content-Length: 2
Content-Type: application/json; charset=utf-8
Etag: W/"2-l9Fw4VUO7kr8CvBlt4zaMCqXZ0w"
[]

> GET /user none=W/"2-other"
200
Access-Control-Allow-Origin: *
Content-Length: 2
Content-Type: application/json; charset=utf-8
Etag: W/"2-l9Fw4VUO7kr8CvBlt4zaMCqXZ0w"
[]

> GET /user/1
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> GET /user/0
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> GET /user/abc
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> GET /user/12345678
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> GET /user/123456789
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> GET /user/1234567890123456789012345678901234567890
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> GET /user/-1
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> GET /user/+1
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> GET /user/1.0
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> GET /user/%D9%A1
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> GET /user/email/alice@domain.com
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

# A user is made.
> POST /user caller=9
> {"name":"Alice","email":"Alice@Domain.COM","organization":"Acme"}
201
Access-Control-Allow-Origin: *
Content-Length: 0
Location: https://bitbroker.example.com/coordinator/v1/user/1

> POST /user/
> {"name":"Bob <\"&>","email":"bob@domain.com","organization":"Acme","addendum":{"bb":1,"a":[{"z":1.50,"y":null}],"10":true,"9":"\u2028"},"ignored":1}
201
Access-Control-Allow-Origin: *
Content-Length: 0
Location: https://bitbroker.example.com/coordinator/v1/user/2

> POST /USER type=Application/JSON;+charset=UTF-8
> {"name":"Carol","email":"carol@domain.com","organization":"Beta","addendum":null}
201
Access-Control-Allow-Origin: *
Content-Length: 0
Location: https://bitbroker.example.com/coordinator/v1/USER/3

> POST /user
> {"name":"Alice again","email":"ALICE@domain.com","organization":"Acme"}
409
Access-Control-Allow-Origin: *
Content-Length: 55
Content-Type: application/json; charset=utf-8
Etag: W/"37-+H2xUuUMn2QsiI9hPkFxW5xCsck"
{"error":{"code":409,"status":"Conflict","message":""}}

> POST /user
> {}
400
Access-Control-Allow-Origin: *
Content-Length: 370
Content-Type: application/json; charset=utf-8
Etag: W/"172-FJ3OsY2C4o51qKewuQlzjZdOYNc"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"name","index":null,"reason":"does not meet minimum length of 1"},{"name":"email","index":null,"reason":"does not conform to the \"email\" format"},{"name":"email","index":null,"reason":"does not meet minimum length of 1"},{"name":"organization","index":null,"reason":"does not meet minimum length of 1"}]}}

> POST /user
> []
400
Access-Control-Allow-Origin: *
Content-Length: 370
Content-Type: application/json; charset=utf-8
Etag: W/"172-FJ3OsY2C4o51qKewuQlzjZdOYNc"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"name","index":null,"reason":"does not meet minimum length of 1"},{"name":"email","index":null,"reason":"does not conform to the \"email\" format"},{"name":"email","index":null,"reason":"does not meet minimum length of 1"},{"name":"organization","index":null,"reason":"does not meet minimum length of 1"}]}}

> POST /user
> {"name":5,"email":"nobody","organization":"","addendum":[]}
400
Access-Control-Allow-Origin: *
Content-Length: 359
Content-Type: application/json; charset=utf-8
Etag: W/"167-dmE3sw077Ii3Vz/8dFesnG3X7t0"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"name","index":null,"reason":"is not of a type(s) string"},{"name":"email","index":null,"reason":"does not conform to the \"email\" format"},{"name":"organization","index":null,"reason":"does not meet minimum length of 1"},{"name":"addendum","index":null,"reason":"is not of a type(s) object"}]}}

> POST /user
> {"name":"Dora","email":"dora@domain.com"}
400
Access-Control-Allow-Origin: *
Content-Length: 139
Content-Type: application/json; charset=utf-8
Etag: W/"8b-AwZJLbjeGZSm6q/CKj1V6hzVISc"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"organization","index":null,"reason":"does not meet minimum length of 1"}]}}

> POST /user
> {"name":"Dora","email":["dora@domain.com"],"organization":"o"}
400
Access-Control-Allow-Origin: *
Content-Length: 139
Content-Type: application/json; charset=utf-8
Etag: W/"8b-vJ5/Vg05kRd2aHbOAkJTQVGMvog"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"email","index":null,"reason":"does not conform to the \"email\" format"}]}}

> POST /user
> {"name":"Dora","email":"\u212Aelly@domain.com","organization":"o"}
400
Access-Control-Allow-Origin: *
Content-Length: 139
Content-Type: application/json; charset=utf-8
Etag: W/"8b-vJ5/Vg05kRd2aHbOAkJTQVGMvog"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"email","index":null,"reason":"does not conform to the \"email\" format"}]}}

> POST /user
> {"name":"Dora","name":"","email":"dora@domain.com","organization":"o"}
400
Access-Control-Allow-Origin: *
Content-Length: 131
Content-Type: application/json; charset=utf-8
Etag: W/"83-ZR4Z0WHE5qfSGzU71LNy+Zu07RA"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"name","index":null,"reason":"does not meet minimum length of 1"}]}}

# What is no JSON.
> POST /user type=text/plain
> {"name":"Dora","email":"dora@domain.com","organization":"o"}
400
Access-Control-Allow-Origin: *
Content-Length: 370
Content-Type: application/json; charset=utf-8
Etag: W/"172-FJ3OsY2C4o51qKewuQlzjZdOYNc"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"name","index":null,"reason":"does not meet minimum length of 1"},{"name":"email","index":null,"reason":"does not conform to the \"email\" format"},{"name":"email","index":null,"reason":"does not meet minimum length of 1"},{"name":"organization","index":null,"reason":"does not meet minimum length of 1"}]}}

> POST /user type=application/vnd.api+json
> {"name":"Dora","email":"dora@domain.com","organization":"o"}
400
Access-Control-Allow-Origin: *
Content-Length: 370
Content-Type: application/json; charset=utf-8
Etag: W/"172-FJ3OsY2C4o51qKewuQlzjZdOYNc"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"name","index":null,"reason":"does not meet minimum length of 1"},{"name":"email","index":null,"reason":"does not conform to the \"email\" format"},{"name":"email","index":null,"reason":"does not meet minimum length of 1"},{"name":"organization","index":null,"reason":"does not meet minimum length of 1"}]}}

> POST /user type=application/json;
> {"name":"Dora","email":"dora@domain.com"}
400
Access-Control-Allow-Origin: *
Content-Length: 139
Content-Type: application/json; charset=utf-8
Etag: W/"8b-AwZJLbjeGZSm6q/CKj1V6hzVISc"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"organization","index":null,"reason":"does not meet minimum length of 1"}]}}

> POST /user
> {"name":"Dora",
400
Access-Control-Allow-Origin: *
Content-Length: 128
Content-Type: application/json; charset=utf-8
Etag: W/"80-njN8VqnRggN14HZwAmTRAkWL5CI"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"syntax","index":null,"reason":"Unexpected end of JSON input"}]}}

> POST /user
> {"name":"Dora"}}
400
Access-Control-Allow-Origin: *
Content-Length: 141
Content-Type: application/json; charset=utf-8
Etag: W/"8d-6XEqH3VLl8xP2dB3kFL845PJAK4"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"syntax","index":null,"reason":"Unexpected token } in JSON at position 15"}]}}

> POST /user
> {"é":}
400
Access-Control-Allow-Origin: *
Content-Length: 140
Content-Type: application/json; charset=utf-8
Etag: W/"8c-PSdQM04xTwuQgG5Gkc+2djeAsvA"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"syntax","index":null,"reason":"Unexpected token } in JSON at position 5"}]}}

> POST /user
> "Dora"
400
Access-Control-Allow-Origin: *
Content-Length: 141
Content-Type: application/json; charset=utf-8
Etag: W/"8d-dk+ZUe5QGCfqESfJmfod2mbijsQ"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"syntax","index":null,"reason":"Unexpected token \" in JSON at position 0"}]}}

> POST /user
> true
400
Access-Control-Allow-Origin: *
Content-Length: 140
Content-Type: application/json; charset=utf-8
Etag: W/"8c-vHfnMCiowwkrwnvwWDDUpA/ztrs"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"syntax","index":null,"reason":"Unexpected token t in JSON at position 0"}]}}

> POST /user
> null
400
Access-Control-Allow-Origin: *
Content-Length: 140
Content-Type: application/json; charset=utf-8
Etag: W/"8c-gIbhER4gH+0YkkqmiP9MtfgNsj0"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"syntax","index":null,"reason":"Unexpected token n in JSON at position 0"}]}}

> POST /user
> {'name':1}
400
Access-Control-Allow-Origin: *
Content-Length: 140
Content-Type: application/json; charset=utf-8
Etag: W/"8c-dUCQV//Z7dR5pQGgy1WmL1fiXec"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"syntax","index":null,"reason":"Unexpected token ' in JSON at position 1"}]}}

> POST /user
> {"name":"Dora",}
400
Access-Control-Allow-Origin: *
Content-Length: 141
Content-Type: application/json; charset=utf-8
Etag: W/"8d-6XEqH3VLl8xP2dB3kFL845PJAK4"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"syntax","index":null,"reason":"Unexpected token } in JSON at position 15"}]}}

> POST /user
> {"name":01}
400
Access-Control-Allow-Origin: *
Content-Length: 140
Content-Type: application/json; charset=utf-8
Etag: W/"8c-LZZ6KImtRrkMDjbfrmQRWSwugo4"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"syntax","index":null,"reason":"Unexpected token 1 in JSON at position 9"}]}}

> POST /user
> NaN
400
Access-Control-Allow-Origin: *
Content-Length: 140
Content-Type: application/json; charset=utf-8
Etag: W/"8c-OdZGaS/iFqWjtkTMfMmPEHTUtuM"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"syntax","index":null,"reason":"Unexpected token N in JSON at position 0"}]}}

> POST /user type=application/json;charset=latin1
> {}
415
Access-Control-Allow-Origin: *
Content-Length: 69
Content-Type: application/json; charset=utf-8
Etag: W/"45-gY0biWTSOQcLs/wScjxV1QkFDFc"
{"error":{"code":415,"status":"Unsupported Media Type","message":""}}

> POST /user coding=gzip
> {}
415
Access-Control-Allow-Origin: *
Content-Length: 69
Content-Type: application/json; charset=utf-8
Etag: W/"45-gY0biWTSOQcLs/wScjxV1QkFDFc"
{"error":{"code":415,"status":"Unsupported Media Type","message":""}}

> POST /user coding=br
> {}
415
Access-Control-Allow-Origin: *
Content-Length: 69
Content-Type: application/json; charset=utf-8
Etag: W/"45-gY0biWTSOQcLs/wScjxV1QkFDFc"
{"error":{"code":415,"status":"Unsupported Media Type","message":""}}

> POST /user coding=identity
> {"name":"Dora","email":"dora@domain.com","organization":"Delta"}
201
Access-Control-Allow-Origin: *
Content-Length: 0
Location: https://bitbroker.example.com/coordinator/v1/user/4

# They are found.
> GET /user
200
Access-Control-Allow-Origin: *
Content-Length: 670
Content-Type: application/json; charset=utf-8
Etag: W/"29e-vjk3lw24JSMSTbJJbGTx58V3AZ8"
[{"id":1,"url":"https://bitbroker.example.com/coordinator/v1/user/1","name":"Alice","email":"alice@domain.com","organization":"Acme","coordinator":false,"accesses":[]},{"id":2,"url":"https://bitbroker.example.com/coordinator/v1/user/2","name":"Bob <\"&>","email":"bob@domain.com","organization":"Acme","coordinator":false,"accesses":[]},{"id":3,"url":"https://bitbroker.example.com/coordinator/v1/user/3","name":"Carol","email":"carol@domain.com","organization":"Beta","coordinator":false,"accesses":[]},{"id":4,"url":"https://bitbroker.example.com/coordinator/v1/user/4","name":"Dora","email":"dora@domain.com","organization":"Delta","coordinator":false,"accesses":[]}]

> GET /user none=W/"38c-kM6S7vVWZQkTWbTlxQz/4HgC5W8"
200
Access-Control-Allow-Origin: *
Content-Length: 670
Content-Type: application/json; charset=utf-8
Etag: W/"29e-vjk3lw24JSMSTbJJbGTx58V3AZ8"
[{"id":1,"url":"https://bitbroker.example.com/coordinator/v1/user/1","name":"Alice","email":"alice@domain.com","organization":"Acme","coordinator":false,"accesses":[]},{"id":2,"url":"https://bitbroker.example.com/coordinator/v1/user/2","name":"Bob <\"&>","email":"bob@domain.com","organization":"Acme","coordinator":false,"accesses":[]},{"id":3,"url":"https://bitbroker.example.com/coordinator/v1/user/3","name":"Carol","email":"carol@domain.com","organization":"Beta","coordinator":false,"accesses":[]},{"id":4,"url":"https://bitbroker.example.com/coordinator/v1/user/4","name":"Dora","email":"dora@domain.com","organization":"Delta","coordinator":false,"accesses":[]}]

> GET /user/1
200
Access-Control-Allow-Origin: *
Content-Length: 180
Content-Type: application/json; charset=utf-8
Etag: W/"b4-B4xbIpJDA+tn14vkd2zsKy/WnTo"
{"id":1,"url":"https://bitbroker.example.com/coordinator/v1/user/1","name":"Alice","email":"alice@domain.com","organization":"Acme","coordinator":false,"accesses":[],"addendum":{}}

> GET /user/001
200
Access-Control-Allow-Origin: *
Content-Length: 180
Content-Type: application/json; charset=utf-8
Etag: W/"b4-B4xbIpJDA+tn14vkd2zsKy/WnTo"
{"id":1,"url":"https://bitbroker.example.com/coordinator/v1/user/1","name":"Alice","email":"alice@domain.com","organization":"Acme","coordinator":false,"accesses":[],"addendum":{}}

> GET /User/2/
200
Access-Control-Allow-Origin: *
Content-Length: 233
Content-Type: application/json; charset=utf-8
Etag: W/"e9-f+b7NG1plrH+5KXygvNjhLdNHg8"
{"id":2,"url":"https://bitbroker.example.com/coordinator/v1/user/2","name":"Bob <\"&>","email":"bob@domain.com","organization":"Acme","coordinator":false,"accesses":[],"addendum":{"9":" ","10":true,"a":[{"y":null,"z":1.5}],"bb":1}}

> GET /user/3
200
Access-Control-Allow-Origin: *
Content-Length: 180
Content-Type: application/json; charset=utf-8
Etag: W/"b4-KwLbEjwYu3eN6le40lodD8HzJUo"
{"id":3,"url":"https://bitbroker.example.com/coordinator/v1/user/3","name":"Carol","email":"carol@domain.com","organization":"Beta","coordinator":false,"accesses":[],"addendum":{}}

> GET /user/email/bob@domain.com
200
Access-Control-Allow-Origin: *
Content-Length: 233
Content-Type: application/json; charset=utf-8
Etag: W/"e9-f+b7NG1plrH+5KXygvNjhLdNHg8"
{"id":2,"url":"https://bitbroker.example.com/coordinator/v1/user/2","name":"Bob <\"&>","email":"bob@domain.com","organization":"Acme","coordinator":false,"accesses":[],"addendum":{"9":" ","10":true,"a":[{"y":null,"z":1.5}],"bb":1}}

> GET /user/email/BOB%40domain.com
200
Access-Control-Allow-Origin: *
Content-Length: 233
Content-Type: application/json; charset=utf-8
Etag: W/"e9-f+b7NG1plrH+5KXygvNjhLdNHg8"
{"id":2,"url":"https://bitbroker.example.com/coordinator/v1/user/2","name":"Bob <\"&>","email":"bob@domain.com","organization":"Acme","coordinator":false,"accesses":[],"addendum":{"9":" ","10":true,"a":[{"y":null,"z":1.5}],"bb":1}}

> GET /user/email/nobody@domain.com
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> GET /user/email/%E2%84%AAelly@domain.com
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> GET /user/email
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> GET /user/email/x/y
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

# They are changed.
> PUT /user/2
> {"name":"Bobby","organization":"Acme","email":"other@domain.com","addendum":{"kept":true}}
204
Access-Control-Allow-Origin: *

> GET /user/2
200
Access-Control-Allow-Origin: *
Content-Length: 189
Content-Type: application/json; charset=utf-8
Etag: W/"bd-r5CMOg55ZnnBnPIje3NzoTBfyCg"
{"id":2,"url":"https://bitbroker.example.com/coordinator/v1/user/2","name":"Bobby","email":"bob@domain.com","organization":"Acme","coordinator":false,"accesses":[],"addendum":{"kept":true}}

> PUT /user/2
> {"name":"Bob","organization":"Acme"}
204
Access-Control-Allow-Origin: *

> GET /user/2
200
Access-Control-Allow-Origin: *
Content-Length: 176
Content-Type: application/json; charset=utf-8
Etag: W/"b0-4avafyFRSthEP5knoT69kUMLIQE"
{"id":2,"url":"https://bitbroker.example.com/coordinator/v1/user/2","name":"Bob","email":"bob@domain.com","organization":"Acme","coordinator":false,"accesses":[],"addendum":{}}

> PUT /user/2
> {"name":"","addendum":5}
400
Access-Control-Allow-Origin: *
Content-Length: 284
Content-Type: application/json; charset=utf-8
Etag: W/"11c-iB2xjVh+Sw2d44cMmbceIdrBDSw"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"name","index":null,"reason":"does not meet minimum length of 1"},{"name":"organization","index":null,"reason":"does not meet minimum length of 1"},{"name":"addendum","index":null,"reason":"is not of a type(s) object"}]}}

> PUT /user/2
400
Access-Control-Allow-Origin: *
Content-Length: 213
Content-Type: application/json; charset=utf-8
Etag: W/"d5-jRSeNdhiYSA/MLqto3WvHNC9shQ"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"name","index":null,"reason":"does not meet minimum length of 1"},{"name":"organization","index":null,"reason":"does not meet minimum length of 1"}]}}

> PUT /user/77
> {"name":"Bob","organization":"Acme"}
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> PUT /user/77
> {}
400
Access-Control-Allow-Origin: *
Content-Length: 213
Content-Type: application/json; charset=utf-8
Etag: W/"d5-jRSeNdhiYSA/MLqto3WvHNC9shQ"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"name","index":null,"reason":"does not meet minimum length of 1"},{"name":"organization","index":null,"reason":"does not meet minimum length of 1"}]}}

> PUT /user/abc
> {}
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

# They are promoted, and demoted.
> POST /user/77/coordinator
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> POST /user/abc/coordinator
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> POST /user/123456789/coordinator
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> DELETE /user/77/coordinator
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> DELETE /user/abc/coordinator
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> DELETE /user/1/coordinator
409
Access-Control-Allow-Origin: *
Content-Length: 55
Content-Type: application/json; charset=utf-8
Etag: W/"37-+H2xUuUMn2QsiI9hPkFxW5xCsck"
{"error":{"code":409,"status":"Conflict","message":""}}

> POST /user/1/coordinator
200
Access-Control-Allow-Origin: *
Cache-Control: no-store
Content-Length: 110
Content-Type: text/html; charset=utf-8
Etag: W/"6e-5B+hXUlNbfhsYvyRecTGTk4NbtM"
aaaaaaaa-aaaa-4aaa-8aaa-000000000002.bbbbbbbb-bbbb-4bbb-8bbb-000000000002.cccccccc-cccc-4ccc-8ccc-000000000002

> POST /user/1/coordinator
409
Access-Control-Allow-Origin: *
Content-Length: 55
Content-Type: application/json; charset=utf-8
Etag: W/"37-+H2xUuUMn2QsiI9hPkFxW5xCsck"
{"error":{"code":409,"status":"Conflict","message":""}}

> PUT /user/1/coordinator
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> GET /user/1/coordinator
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> GET /user/1
200
Access-Control-Allow-Origin: *
Content-Length: 179
Content-Type: application/json; charset=utf-8
Etag: W/"b3-CEQVXxnXbKJu2369gxl56YYfjR8"
{"id":1,"url":"https://bitbroker.example.com/coordinator/v1/user/1","name":"Alice","email":"alice@domain.com","organization":"Acme","coordinator":true,"accesses":[],"addendum":{}}

> DELETE /user/1/coordinator
409
Access-Control-Allow-Origin: *
Content-Length: 55
Content-Type: application/json; charset=utf-8
Etag: W/"37-+H2xUuUMn2QsiI9hPkFxW5xCsck"
{"error":{"code":409,"status":"Conflict","message":""}}

> DELETE /user/1
409
Access-Control-Allow-Origin: *
Content-Length: 55
Content-Type: application/json; charset=utf-8
Etag: W/"37-+H2xUuUMn2QsiI9hPkFxW5xCsck"
{"error":{"code":409,"status":"Conflict","message":""}}

> POST /user/2/COORDINATOR/ caller=1
200
Access-Control-Allow-Origin: *
Cache-Control: no-store
Content-Length: 110
Content-Type: text/html; charset=utf-8
Etag: W/"6e-WOmVH0Io/wZ9fUaMCAxQSRZcIEs"
aaaaaaaa-aaaa-4aaa-8aaa-000000000004.bbbbbbbb-bbbb-4bbb-8bbb-000000000004.cccccccc-cccc-4ccc-8ccc-000000000004

> DELETE /user/1/coordinator caller=1
405
Access-Control-Allow-Origin: *
Allow: POST
Content-Length: 65
Content-Type: application/json; charset=utf-8
Etag: W/"41-SmP9V7NP2q4WYsWESCCorU7xoEw"
{"error":{"code":405,"status":"Method Not Allowed","message":""}}

> DELETE /user/001/coordinator caller=1
405
Access-Control-Allow-Origin: *
Allow: POST
Content-Length: 65
Content-Type: application/json; charset=utf-8
Etag: W/"41-SmP9V7NP2q4WYsWESCCorU7xoEw"
{"error":{"code":405,"status":"Method Not Allowed","message":""}}

> DELETE /user/1 caller=1
405
Access-Control-Allow-Origin: *
Allow: GET, HEAD, PUT
Content-Length: 65
Content-Type: application/json; charset=utf-8
Etag: W/"41-SmP9V7NP2q4WYsWESCCorU7xoEw"
{"error":{"code":405,"status":"Method Not Allowed","message":""}}

> DELETE /user/2/coordinator caller=1
204
Access-Control-Allow-Origin: *

> DELETE /user/2/coordinator caller=1
409
Access-Control-Allow-Origin: *
Content-Length: 55
Content-Type: application/json; charset=utf-8
Etag: W/"37-+H2xUuUMn2QsiI9hPkFxW5xCsck"
{"error":{"code":409,"status":"Conflict","message":""}}

> POST /user/2/coordinator caller=1
200
Access-Control-Allow-Origin: *
Cache-Control: no-store
Content-Length: 110
Content-Type: text/html; charset=utf-8
Etag: W/"6e-IsxevqxHXVu0Edp0URTi590PzbE"
aaaaaaaa-aaaa-4aaa-8aaa-000000000005.bbbbbbbb-bbbb-4bbb-8bbb-000000000005.cccccccc-cccc-4ccc-8ccc-000000000005

> DELETE /user/2 caller=1
204
Access-Control-Allow-Origin: *

> DELETE /user/2 caller=1
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> GET /user/2
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> GET /user/email/bob@domain.com
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

# An id is never used again, but an address is.
> POST /user
> {"name":"Bob","email":"bob@domain.com","organization":"Acme"}
201
Access-Control-Allow-Origin: *
Content-Length: 0
Location: https://bitbroker.example.com/coordinator/v1/user/5

> GET /user/email/bob@domain.com
200
Access-Control-Allow-Origin: *
Content-Length: 176
Content-Type: application/json; charset=utf-8
Etag: W/"b0-Y4KXcqb3miJxm6ptt4o6Gf6Cqp4"
{"id":5,"url":"https://bitbroker.example.com/coordinator/v1/user/5","name":"Bob","email":"bob@domain.com","organization":"Acme","coordinator":false,"accesses":[],"addendum":{}}

> DELETE /user/abc
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> DELETE /user/123456789
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

# They are searched for.
> GET /search/user/organization?q=A
200
Access-Control-Allow-Origin: *
Content-Length: 8
Content-Type: application/json; charset=utf-8
Etag: W/"8-kke14Gc+M8zpi0xMidxYqMQWpSQ"
["Acme"]

> GET /search/user/organization?q=aC
200
Access-Control-Allow-Origin: *
Content-Length: 8
Content-Type: application/json; charset=utf-8
Etag: W/"8-kke14Gc+M8zpi0xMidxYqMQWpSQ"
["Acme"]

> GET /Search/User/Organization/?q=b
200
Access-Control-Allow-Origin: *
Content-Length: 8
Content-Type: application/json; charset=utf-8
Etag: W/"8-MN2hSahoB0YCAZ0suH/EgXQw+64"
["Beta"]

> GET /search/user/organization?q=zz
200
Access-Control-Allow-Origin: *
Content-Length: 2
Content-Type: application/json; charset=utf-8
Etag: W/"2-l9Fw4VUO7kr8CvBlt4zaMCqXZ0w"
[]

> GET /search/user/organization?q=.*
200
Access-Control-Allow-Origin: *
Content-Length: 2
Content-Type: application/json; charset=utf-8
Etag: W/"2-l9Fw4VUO7kr8CvBlt4zaMCqXZ0w"
[]

> GET /search/user/organization?q=0123456789abcdef
200
Access-Control-Allow-Origin: *
Content-Length: 2
Content-Type: application/json; charset=utf-8
Etag: W/"2-l9Fw4VUO7kr8CvBlt4zaMCqXZ0w"
[]

> GET /search/user/organization?q=0123456789abcdefg
400
Access-Control-Allow-Origin: *
Content-Length: 134
Content-Type: application/json; charset=utf-8
Etag: W/"86-mUG/S3JAYNVJ1rfD2qVM8BXoZ3Y"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"search","index":null,"reason":"does not meet maximum length of 16"}]}}

> GET /search/user/organization?q=
400
Access-Control-Allow-Origin: *
Content-Length: 133
Content-Type: application/json; charset=utf-8
Etag: W/"85-OqDRC6ImH48FQUQhYQsKf6zcDBU"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"search","index":null,"reason":"does not meet minimum length of 1"}]}}

> GET /search/user/organization
400
Access-Control-Allow-Origin: *
Content-Length: 133
Content-Type: application/json; charset=utf-8
Etag: W/"85-OqDRC6ImH48FQUQhYQsKf6zcDBU"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"search","index":null,"reason":"does not meet minimum length of 1"}]}}

> GET /search/user/organization?q=a&q=b
400
Access-Control-Allow-Origin: *
Content-Length: 126
Content-Type: application/json; charset=utf-8
Etag: W/"7e-ApIXbr3XO7LGEb260TrOl+2cGEU"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"search","index":null,"reason":"is not of a type(s) string"}]}}

> POST /search/user/organization?q=a
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> GET /search/user
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> GET /search/nothing/tags?q=a
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}
