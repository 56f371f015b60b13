# make run and make test are all one needs; Go is all they ask for.
.PHONY: run cluster test test-cluster check e2e bench million fuzz clean

run: ## a durable single node on 127.0.0.1:8080
	@testenv/install go
	@echo "building parley, which takes about two minutes the first time" >&2
	@mkdir -p testenv/.cache/bin && go build -o testenv/.cache/bin/parley ./cmd/parley
	@exec testenv/.cache/bin/parley dev

cluster: ## three nodes over a Redis (or STORE=cassandra) that it starts, behind HAProxy on 127.0.0.1:8080
	@testenv/install go
	@testenv/cluster

test: ## everything, on a machine that has nothing yet
	@testenv/test

test-cluster: ## faults of three nodes over Redis behind HAProxy and over three servers of Cassandra at their full length, about twenty minutes
	PARLEY_FAULTS=full go test -count=1 -timeout 60m -v -run '^Test(Cassandra)?Faults$$' ./e2e

check: ## vet, staticcheck, gofmt, scripts, dependencies
	@testenv/check

e2e: ## only the tests from outside
	@testenv/test ./e2e/...

bench: ## the benchmarks, also written to testenv/.cache/bench.txt
	@testenv/bench

million: ## a million clients on 53 nodes over Redis on this machine (N=50000 for fewer), about ten minutes
	@testenv/million

fuzz: ## every fuzz target for FUZZTIME (30s)
	@testenv/fuzz

clean:
	rm -rf testenv/.cache
