module github.com/gatehouse-auth/gatehouse/e2e

go 1.26.0
