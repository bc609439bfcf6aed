> GET /entity
200
Access-Control-Allow-Origin: *
Content-Length: 2
Content-Type: application/json; charset=utf-8
Etag: W/"2-l9Fw4VUO7kr8CvBlt4zaMCqXZ0w"
[]

> GET /entity/country
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> POST /entity/country
> {"name":"Countries","description":"All the countries","schema":{"type":"object","properties":{"name":{"type":"string"}}},"timeseries":{"population":{"period":"P1Y","value":"people","unit":"x1000"}},"tags":["world","un"],"icon":"globe"}
201
Access-Control-Allow-Origin: *
Content-Length: 0
Location: https://bitbroker.example.com/coordinator/v1/entity/country

> POST /entity/COUNTRY/
> {"name":"Countries","description":"d"}
409
Access-Control-Allow-Origin: *
Content-Length: 55
Content-Type: application/json; charset=utf-8
Etag: W/"37-+H2xUuUMn2QsiI9hPkFxW5xCsck"
{"error":{"code":409,"status":"Conflict","message":""}}

> POST /entity/Heritage-Site/
> {"name":"Heritage sites","description":"d"}
201
Access-Control-Allow-Origin: *
Content-Length: 0
Location: https://bitbroker.example.com/coordinator/v1/entity/Heritage-Site

> GET /entity
200
Access-Control-Allow-Origin: *
Content-Length: 335
Content-Type: application/json; charset=utf-8
Etag: W/"14f-IERWCbtKhDEJzAGHAWaQ4BBRljs"
[{"id":"country","url":"https://bitbroker.example.com/coordinator/v1/entity/country","name":"Countries","description":"All the countries","icon":"globe","tags":["world","un"]},{"id":"heritage-site","url":"https://bitbroker.example.com/coordinator/v1/entity/heritage-site","name":"Heritage sites","description":"d","icon":"","tags":[]}]

> GET /entity/country
200
Access-Control-Allow-Origin: *
Content-Length: 318
Content-Type: application/json; charset=utf-8
Etag: W/"13e-azyRMK91NOwiYo8BiGGplhbSr+M"
{"id":"country","url":"https://bitbroker.example.com/coordinator/v1/entity/country","name":"Countries","description":"All the countries","icon":"globe","tags":["world","un"],"schema":{"type":"object","properties":{"name":{"type":"string"}}},"timeseries":{"population":{"unit":"x1000","value":"people","period":"P1Y"}}}

> GET /entity/heritage-site/
200
Access-Control-Allow-Origin: *
Content-Length: 186
Content-Type: application/json; charset=utf-8
Etag: W/"ba-zkw8bM9YJzEn6ovnnZWiLTA0MuM"
{"id":"heritage-site","url":"https://bitbroker.example.com/coordinator/v1/entity/heritage-site","name":"Heritage sites","description":"d","icon":"","tags":[],"schema":{},"timeseries":{}}

> HEAD /entity/country
200
Access-Control-Allow-Origin: *
Content-Length: 318
Content-Type: application/json; charset=utf-8
Etag: W/"13e-azyRMK91NOwiYo8BiGGplhbSr+M"

> POST /entity/ab
> {"name":"n","description":"d"}
400
Access-Control-Allow-Origin: *
Content-Length: 131
Content-Type: application/json; charset=utf-8
Etag: W/"83-dEdXk/RrgtsSSGkNpmiaLDBCyk0"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"slug","index":null,"reason":"does not meet minimum length of 3"}]}}

> POST /entity/abc
> {"name":"n","description":"d"}
201
Access-Control-Allow-Origin: *
Content-Length: 0
Location: https://bitbroker.example.com/coordinator/v1/entity/abc

> POST /entity/abcdefghijklmnopqrstuvwxyz012345
> {"name":"n","description":"d"}
201
Access-Control-Allow-Origin: *
Content-Length: 0
Location: https://bitbroker.example.com/coordinator/v1/entity/abcdefghijklmnopqrstuvwxyz012345

> POST /entity/abcdefghijklmnopqrstuvwxyz0123456
> {"name":"n","description":"d"}
400
Access-Control-Allow-Origin: *
Content-Length: 132
Content-Type: application/json; charset=utf-8
Etag: W/"84-+Af+8uB714QEjEGaoMr4b3d3qxU"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"slug","index":null,"reason":"does not meet maximum length of 32"}]}}

> POST /entity/1abc
> {"name":"n","description":"d"}
400
Access-Control-Allow-Origin: *
Content-Length: 142
Content-Type: application/json; charset=utf-8
Etag: W/"8e-le0ycmgx6qtgUFRZYKNI278utKU"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"slug","index":null,"reason":"does not match pattern \"^[a-z][a-z0-9-]+$\""}]}}

> POST /entity/with_underscore
> {"name":"n","description":"d"}
400
Access-Control-Allow-Origin: *
Content-Length: 142
Content-Type: application/json; charset=utf-8
Etag: W/"8e-le0ycmgx6qtgUFRZYKNI278utKU"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"slug","index":null,"reason":"does not match pattern \"^[a-z][a-z0-9-]+$\""}]}}

> POST /entity/with%20space
> {"name":"n","description":"d"}
400
Access-Control-Allow-Origin: *
Content-Length: 142
Content-Type: application/json; charset=utf-8
Etag: W/"8e-le0ycmgx6qtgUFRZYKNI278utKU"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"slug","index":null,"reason":"does not match pattern \"^[a-z][a-z0-9-]+$\""}]}}

> POST /entity/%E2%84%AAelvin
> {"name":"n","description":"d"}
400
Access-Control-Allow-Origin: *
Content-Length: 142
Content-Type: application/json; charset=utf-8
Etag: W/"8e-le0ycmgx6qtgUFRZYKNI278utKU"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"slug","index":null,"reason":"does not match pattern \"^[a-z][a-z0-9-]+$\""}]}}

> POST /entity/x
> {}
400
Access-Control-Allow-Origin: *
Content-Length: 371
Content-Type: application/json; charset=utf-8
Etag: W/"173-Dr7qCCBkA6D+zLiyGn80W8150/U"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"slug","index":null,"reason":"does not match pattern \"^[a-z][a-z0-9-]+$\""},{"name":"slug","index":null,"reason":"does not meet minimum length of 3"},{"name":"name","index":null,"reason":"does not meet minimum length of 1"},{"name":"description","index":null,"reason":"does not meet minimum length of 1"}]}}

> POST /entity/good
> {"name":"n","description":"d","schema":{"$ref":"#/definitions/nothing"}}
400
Access-Control-Allow-Origin: *
Content-Length: 124
Content-Type: application/json; charset=utf-8
Etag: W/"7c-ZIxZC+CqlahHJxVuPGx8FtAqWog"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"schema","index":null,"reason":"is not valid JSON schema"}]}}

> POST /entity/good
> {"name":"n","description":"d","schema":"text","tags":["a","a"],"icon":5,"timeseries":{"Bad":{"period":"1Y"}}}
400
Access-Control-Allow-Origin: *
Content-Length: 785
Content-Type: application/json; charset=utf-8
Etag: W/"311-+EWqjRIktBiNGhQ8w2NFbY49TKE"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"schema","index":null,"reason":"is not of a type(s) object"},{"name":"tags","index":null,"reason":"contains duplicate item"},{"name":"icon","index":null,"reason":"is not of a type(s) string"},{"name":"timeseries","index":null,"reason":"does not match pattern \"^[a-z][a-z0-9-]+$\""},{"name":"timeseries.Bad.period","index":null,"reason":"does not match pattern \"^P(?=\\\\d|T\\\\d)(?:(\\\\d+)Y)?(?:(\\\\d+)M)?(?:(\\\\d+)([DW]))?(?:T(?:(\\\\d+)H)?(?:(\\\\d+)M)?(?:(\\\\d+(?:\\\\.\\\\d+)?)S)?)?$\""},{"name":"timeseries.Bad","index":null,"reason":"requires property \"value\""},{"name":"timeseries.Bad","index":null,"reason":"requires property \"unit\""},{"name":"schema","index":null,"reason":"is not valid JSON schema"}]}}

> PUT /entity/country
> {"name":"Lands","description":"d"}
204
Access-Control-Allow-Origin: *

> GET /entity/country
200
Access-Control-Allow-Origin: *
Content-Length: 165
Content-Type: application/json; charset=utf-8
Etag: W/"a5-phJJvFgD4PkhjCgkHE1F1JwwDIM"
{"id":"country","url":"https://bitbroker.example.com/coordinator/v1/entity/country","name":"Lands","description":"d","icon":"","tags":[],"schema":{},"timeseries":{}}

> PUT /entity/country
> {"name":""}
400
Access-Control-Allow-Origin: *
Content-Length: 212
Content-Type: application/json; charset=utf-8
Etag: W/"d4-dTt8F0pEhNQlCAt4XOzvc/nOpKI"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"name","index":null,"reason":"does not meet minimum length of 1"},{"name":"description","index":null,"reason":"does not meet minimum length of 1"}]}}

> PUT /entity/nothing
> {"name":"n","description":"d"}
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> PUT /entity/nothing
> {}
400
Access-Control-Allow-Origin: *
Content-Length: 212
Content-Type: application/json; charset=utf-8
Etag: W/"d4-dTt8F0pEhNQlCAt4XOzvc/nOpKI"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"name","index":null,"reason":"does not meet minimum length of 1"},{"name":"description","index":null,"reason":"does not meet minimum length of 1"}]}}

> PUT /entity/%E2%84%AAelvin
> {"name":"n","description":"d"}
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> GET /entity/%E2%84%AAelvin
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> PATCH /entity/country
> {}
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> PUT /entity
> {}
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> PUT /entity/heritage-site
> {"name":"Heritage sites","description":"d","tags":["World heritage","old"]}
204
Access-Control-Allow-Origin: *

> GET /search/entity/tags?q=w
200
Access-Control-Allow-Origin: *
Content-Length: 18
Content-Type: application/json; charset=utf-8
Etag: W/"12-0Qhnt50kmOTnbI+W9PqQKVL0oOk"
["World heritage"]

> GET /search/entity/tags?q=OLD
200
Access-Control-Allow-Origin: *
Content-Length: 7
Content-Type: application/json; charset=utf-8
Etag: W/"7-ZCV4UUkncYiBVh4sZ4zRq1QA0Go"
["old"]

> GET /search/entity/tags?q=un
200
Access-Control-Allow-Origin: *
Content-Length: 2
Content-Type: application/json; charset=utf-8
Etag: W/"2-l9Fw4VUO7kr8CvBlt4zaMCqXZ0w"
[]

# Connectors.
> GET /entity/nothing/connector
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> GET /entity/country/connector
200
Access-Control-Allow-Origin: *
Content-Length: 2
Content-Type: application/json; charset=utf-8
Etag: W/"2-l9Fw4VUO7kr8CvBlt4zaMCqXZ0w"
[]

> POST /entity/nothing/connector/wikipedia
> {"name":"Wikipedia","description":"d"}
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> POST /entity/country/connector/wikipedia
> {"name":"Wikipedia","description":"From Wikipedia","webhook":"http://my-domain.com/connectors/1/","cache":86400.0}
201
Access-Control-Allow-Origin: *
Cache-Control: no-store
Content-Length: 170
Content-Type: application/json; charset=utf-8
Etag: W/"aa-NZeBdSyu4iwv9AhIkPq+g0ELiXQ"
Location: https://bitbroker.example.com/coordinator/v1/entity/country/connector/wikipedia
{"id":"4f7bba63b2a53acdd21abebd4f23e7def2f72455","token":"aaaaaaaa-aaaa-4aaa-8aaa-000000000001.bbbbbbbb-bbbb-4bbb-8bbb-000000000001.cccccccc-cccc-4ccc-8ccc-000000000001"}

> POST /entity/country/connector/WIKIPEDIA/
> {"name":"Wikipedia","description":"d"}
409
Access-Control-Allow-Origin: *
Content-Length: 55
Content-Type: application/json; charset=utf-8
Etag: W/"37-+H2xUuUMn2QsiI9hPkFxW5xCsck"
{"error":{"code":409,"status":"Conflict","message":""}}

> POST /entity/heritage-site/connector/wikipedia
> {"name":"Wikipedia","description":"d"}
409
Access-Control-Allow-Origin: *
Content-Length: 55
Content-Type: application/json; charset=utf-8
Etag: W/"37-+H2xUuUMn2QsiI9hPkFxW5xCsck"
{"error":{"code":409,"status":"Conflict","message":""}}

> POST /Entity/Country/Connector/Atlas/
> {"name":"Atlas","description":"d"}
201
Access-Control-Allow-Origin: *
Cache-Control: no-store
Content-Length: 170
Content-Type: application/json; charset=utf-8
Etag: W/"aa-KZd6q1gUiYbF3raQYcmc7fkNSn0"
Location: https://bitbroker.example.com/coordinator/v1/Entity/Country/Connector/Atlas
{"id":"6e048eaf28e851eb979104c5a88153146b78b9b9","token":"aaaaaaaa-aaaa-4aaa-8aaa-000000000004.bbbbbbbb-bbbb-4bbb-8bbb-000000000004.cccccccc-cccc-4ccc-8ccc-000000000004"}

> POST /entity/country/connector/x
> {}
400
Access-Control-Allow-Origin: *
Content-Length: 371
Content-Type: application/json; charset=utf-8
Etag: W/"173-Dr7qCCBkA6D+zLiyGn80W8150/U"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"slug","index":null,"reason":"does not match pattern \"^[a-z][a-z0-9-]+$\""},{"name":"slug","index":null,"reason":"does not meet minimum length of 3"},{"name":"name","index":null,"reason":"does not meet minimum length of 1"},{"name":"description","index":null,"reason":"does not meet minimum length of 1"}]}}

> POST /entity/country/connector/good
> {"name":"n","description":"d","webhook":"ftp://x","cache":-1}
400
Access-Control-Allow-Origin: *
Content-Length: 217
Content-Type: application/json; charset=utf-8
Etag: W/"d9-sDIS+PGMEWGm9UE8tCJfYIAmbyQ"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"cache","index":null,"reason":"must be greater than or equal to 0"},{"name":"webhook","index":null,"reason":"does not match pattern \"^https?://.*$\""}]}}

> POST /entity/country/connector/good
> {"name":"n","description":"d","webhook":5,"cache":31536001}
400
Access-Control-Allow-Origin: *
Content-Length: 212
Content-Type: application/json; charset=utf-8
Etag: W/"d4-xQby9GP5Bsafbnrh8M951lXISdU"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"cache","index":null,"reason":"must be less than or equal to 31536000"},{"name":"webhook","index":null,"reason":"is not of a type(s) string,null"}]}}

> POST /entity/country/connector/good
> {"name":"n","description":"d","cache":1.5}
400
Access-Control-Allow-Origin: *
Content-Length: 126
Content-Type: application/json; charset=utf-8
Etag: W/"7e-6QWK0FBlVLt4v2NZR+L0zJRSe78"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"cache","index":null,"reason":"is not of a type(s) integer"}]}}

> GET /entity/country/connector
200
Access-Control-Allow-Origin: *
Content-Length: 290
Content-Type: application/json; charset=utf-8
Etag: W/"122-B2tCj4uVs2btfXquX8a0VdQtQvU"
[{"id":"atlas","url":"https://bitbroker.example.com/coordinator/v1/entity/country/connector/atlas","name":"Atlas","description":"d"},{"id":"wikipedia","url":"https://bitbroker.example.com/coordinator/v1/entity/country/connector/wikipedia","name":"Wikipedia","description":"From Wikipedia"}]

> GET /entity/country/connector/wikipedia
200
Access-Control-Allow-Origin: *
Content-Length: 406
Content-Type: application/json; charset=utf-8
Etag: W/"196-uDnFNOzwE41tOiUabRgAMQBzy0g"
{"id":"wikipedia","url":"https://bitbroker.example.com/coordinator/v1/entity/country/connector/wikipedia","name":"Wikipedia","description":"From Wikipedia","entity":{"id":"country","url":"https://bitbroker.example.com/coordinator/v1/entity/country"},"contribution_id":"4f7bba63b2a53acdd21abebd4f23e7def2f72455","webhook":"http://my-domain.com/connectors/1","cache":86400,"is_live":false,"in_session":false}

> GET /entity/country/connector/atlas
200
Access-Control-Allow-Origin: *
Content-Length: 346
Content-Type: application/json; charset=utf-8
Etag: W/"15a-DIV206LnRneIa3XnkPsCBRbDE+E"
{"id":"atlas","url":"https://bitbroker.example.com/coordinator/v1/entity/country/connector/atlas","name":"Atlas","description":"d","entity":{"id":"country","url":"https://bitbroker.example.com/coordinator/v1/entity/country"},"contribution_id":"6e048eaf28e851eb979104c5a88153146b78b9b9","webhook":null,"cache":0,"is_live":false,"in_session":false}

> GET /entity/heritage-site/connector/wikipedia
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> GET /entity/country/connector/nothing
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> GET /entity/nothing/connector/wikipedia
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> PUT /entity/country/connector/wikipedia
> {"name":"Wiki","description":"d","webhook":null}
204
Access-Control-Allow-Origin: *

> PUT /entity/country/connector/wikipedia
> {"name":"","cache":"0"}
400
Access-Control-Allow-Origin: *
Content-Length: 281
Content-Type: application/json; charset=utf-8
Etag: W/"119-pQwJmCfe/FVUdyCGOCUKZ53v8rM"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"name","index":null,"reason":"does not meet minimum length of 1"},{"name":"description","index":null,"reason":"does not meet minimum length of 1"},{"name":"cache","index":null,"reason":"is not of a type(s) integer"}]}}

> PUT /entity/country/connector/nothing
> {"name":"n","description":"d"}
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> PUT /entity/nothing/connector/wikipedia
> {"name":"n","description":"d"}
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> GET /entity/country/connector/wikipedia
200
Access-Control-Allow-Origin: *
Content-Length: 353
Content-Type: application/json; charset=utf-8
Etag: W/"161-/zqAAN1KWpG90n7+vYFsrW1wXmM"
{"id":"wikipedia","url":"https://bitbroker.example.com/coordinator/v1/entity/country/connector/wikipedia","name":"Wiki","description":"d","entity":{"id":"country","url":"https://bitbroker.example.com/coordinator/v1/entity/country"},"contribution_id":"4f7bba63b2a53acdd21abebd4f23e7def2f72455","webhook":null,"cache":0,"is_live":false,"in_session":false}

> POST /entity/country/connector/wikipedia/live
204
Access-Control-Allow-Origin: *

> POST /entity/country/connector/wikipedia/live
204
Access-Control-Allow-Origin: *

> GET /entity/country/connector/wikipedia
200
Access-Control-Allow-Origin: *
Content-Length: 352
Content-Type: application/json; charset=utf-8
Etag: W/"160-bAMlS9oypUOlRoXRfkzhZGv4BtQ"
{"id":"wikipedia","url":"https://bitbroker.example.com/coordinator/v1/entity/country/connector/wikipedia","name":"Wiki","description":"d","entity":{"id":"country","url":"https://bitbroker.example.com/coordinator/v1/entity/country"},"contribution_id":"4f7bba63b2a53acdd21abebd4f23e7def2f72455","webhook":null,"cache":0,"is_live":true,"in_session":false}

> DELETE /entity/country/connector/wikipedia/live
204
Access-Control-Allow-Origin: *

> DELETE /entity/country/connector/wikipedia/Live/
204
Access-Control-Allow-Origin: *

> GET /entity/country/connector/wikipedia
200
Access-Control-Allow-Origin: *
Content-Length: 353
Content-Type: application/json; charset=utf-8
Etag: W/"161-/zqAAN1KWpG90n7+vYFsrW1wXmM"
{"id":"wikipedia","url":"https://bitbroker.example.com/coordinator/v1/entity/country/connector/wikipedia","name":"Wiki","description":"d","entity":{"id":"country","url":"https://bitbroker.example.com/coordinator/v1/entity/country"},"contribution_id":"4f7bba63b2a53acdd21abebd4f23e7def2f72455","webhook":null,"cache":0,"is_live":false,"in_session":false}

> POST /entity/country/connector/nothing/live
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> DELETE /entity/nothing/connector/wikipedia/live
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> PUT /entity/country/connector/wikipedia/live
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> PUT /entity/country/connector/wikipedia/token
200
Access-Control-Allow-Origin: *
Cache-Control: no-store
Content-Length: 110
Content-Type: text/html; charset=utf-8
Etag: W/"6e-IsxevqxHXVu0Edp0URTi590PzbE"
aaaaaaaa-aaaa-4aaa-8aaa-000000000005.bbbbbbbb-bbbb-4bbb-8bbb-000000000005.cccccccc-cccc-4ccc-8ccc-000000000005

> PUT /Entity/Country/Connector/Wikipedia/Token/
200
Access-Control-Allow-Origin: *
Cache-Control: no-store
Content-Length: 110
Content-Type: text/html; charset=utf-8
Etag: W/"6e-Xq9gm0OrreiLdnwm0FHbGpU52Bw"
aaaaaaaa-aaaa-4aaa-8aaa-000000000006.bbbbbbbb-bbbb-4bbb-8bbb-000000000006.cccccccc-cccc-4ccc-8ccc-000000000006

> PUT /entity/country/connector/nothing/token
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> POST /entity/country/connector/wikipedia/token
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> GET /entity/country/connector/wikipedia/token
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

# Entity types with timeseries need a webhook.
> PUT /entity/country
> {"name":"Lands","description":"d","timeseries":{"population":{"period":"P1Y","value":"people","unit":"x1000"}}}
204
Access-Control-Allow-Origin: *

> POST /entity/country/connector/gazette
> {"name":"n","description":"d"}
400
Access-Control-Allow-Origin: *
Content-Length: 163
Content-Type: application/json; charset=utf-8
Etag: W/"a3-qblyH2W2oqYd3UcCr7YcvFg+Osk"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"webhook","index":null,"reason":"You must supply a webhook when entity types contain timeseries"}]}}

> POST /entity/country/connector/atlas
> {"name":"n","description":"d"}
400
Access-Control-Allow-Origin: *
Content-Length: 163
Content-Type: application/json; charset=utf-8
Etag: W/"a3-qblyH2W2oqYd3UcCr7YcvFg+Osk"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"webhook","index":null,"reason":"You must supply a webhook when entity types contain timeseries"}]}}

> PUT /entity/country/connector/nothing
> {"name":"n","description":"d"}
400
Access-Control-Allow-Origin: *
Content-Length: 163
Content-Type: application/json; charset=utf-8
Etag: W/"a3-qblyH2W2oqYd3UcCr7YcvFg+Osk"
{"error":{"code":400,"status":"Bad Request","message":[{"name":"webhook","index":null,"reason":"You must supply a webhook when entity types contain timeseries"}]}}

> PUT /entity/country/connector/atlas
> {"name":"n","description":"d","webhook":"https://foo.com"}
204
Access-Control-Allow-Origin: *

# They are deleted.
> DELETE /entity/country/connector/wikipedia
204
Access-Control-Allow-Origin: *

> DELETE /entity/country/connector/wikipedia
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> GET /entity/country/connector/wikipedia
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

# Made anew, it has its id for contributions again, and another token.
> POST /entity/country/connector/wikipedia
> {"name":"Wikipedia","description":"d","webhook":"https://foo.com"}
201
Access-Control-Allow-Origin: *
Cache-Control: no-store
Content-Length: 170
Content-Type: application/json; charset=utf-8
Etag: W/"aa-N7k2gI2y8hkLc9VFgPMlomMtNl4"
Location: https://bitbroker.example.com/coordinator/v1/entity/country/connector/wikipedia
{"id":"4f7bba63b2a53acdd21abebd4f23e7def2f72455","token":"aaaaaaaa-aaaa-4aaa-8aaa-000000000008.bbbbbbbb-bbbb-4bbb-8bbb-000000000008.cccccccc-cccc-4ccc-8ccc-000000000008"}

> DELETE /entity/country
204
Access-Control-Allow-Origin: *

> DELETE /entity/country
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> DELETE /entity/nothing
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> GET /entity/country/connector
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> GET /entity/country/connector/wikipedia
404
Access-Control-Allow-Origin: *
Content-Length: 56
Content-Type: application/json; charset=utf-8
Etag: W/"38-6zqIvn9ihS1dTkOBQIyQBt1j5yw"
{"error":{"code":404,"status":"Not Found","message":""}}

> GET /entity
200
Access-Control-Allow-Origin: *
Content-Length: 492
Content-Type: application/json; charset=utf-8
Etag: W/"1ec-M5u5WIBJxLRFvbtzjBrAGZoopt8"
[{"id":"abc","url":"https://bitbroker.example.com/coordinator/v1/entity/abc","name":"n","description":"d","icon":"","tags":[]},{"id":"abcdefghijklmnopqrstuvwxyz012345","url":"https://bitbroker.example.com/coordinator/v1/entity/abcdefghijklmnopqrstuvwxyz012345","name":"n","description":"d","icon":"","tags":[]},{"id":"heritage-site","url":"https://bitbroker.example.com/coordinator/v1/entity/heritage-site","name":"Heritage sites","description":"d","icon":"","tags":["World heritage","old"]}]
