#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: a plan is the optimum, feasible, and its shadow prices prove it.

Method: the same instances, formulated on their own here and solved by HiGHS (scipy): 100 random
ones by files, and the states of ../shared/data (else a generated population) through the whole
pipeline and the daemon. A price is right when the Lagrangian bound that it gives is the optimum."""
import csv
import io
import itertools
import json
import os
import pathlib
import random
import shutil
import signal
import sys
import unittest
import urllib.error
import urllib.request

from cluster import Cluster, chw, folder, main, run, start, wait_until
from redis_server import PROGRAM as REDIS, RedisServer

try:
    import numpy
    import scipy.optimize
    import scipy.sparse
except ImportError:
    print("this Python has no scipy")
    sys.exit(77)

BRFSS = pathlib.Path(__file__).resolve().parents[3] / "shared/data/brfss2020_heart_state.csv.gz"
INSTANCES = 100
RELATIVE = 1e-7
ONE = 1 << 32
TIERS = ["low", "moderate", "high"]


class Instance:
    """What a plan is made from, and its optimum by another formulation and solver."""

    def __init__(self, cells, resources, services, travel):
        self.cells, self.resources, self.services, self.travel = cells, resources, services, travel

    def capacity(self, name, region):
        resource = self.resources[name]
        return resource.get("regions", {}).get(region, resource["capacity"])

    def use(self, service, name, region):
        use = service["uses"].get(name, 0)
        resource = self.resources[name]
        return use * self.travel.get(region, 1) if resource.get("travel") else use

    def constraints(self):
        """Every capacity by (resource, region); region '' where it is for all."""
        regions = sorted({cell["region"] for cell in self.cells})
        for name, resource in self.resources.items():
            local = resource.get("scope") == "local"
            for region in regions if local else [""]:
                yield name, region

    def columns(self):
        for cell, (name, service) in itertools.product(self.cells, self.services.items()):
            if service["target"] == cell["target"] and cell["tier"] in service["tiers"]:
                yield cell, name, service

    def gain(self, cell, service):
        return service["benefit"] * cell["sum_p"] / ONE / cell["people"]

    def optimum(self):
        columns, rows = list(self.columns()), {}
        data, at_row, at_column, limits = [], [], [], []

        def add(key, limit, column, value):
            if key not in rows:
                rows[key] = len(rows)
                limits.append(limit)
            data.append(value), at_row.append(rows[key]), at_column.append(column)

        for j, (cell, _, service) in enumerate(columns):
            add(("people", id(cell)), cell["people"], j, 1.0)
            for name, resource in self.resources.items():
                region = cell["region"] if resource.get("scope") == "local" else ""
                add((name, region), self.capacity(name, region), j,
                    self.use(service, name, cell["region"]))
        matrix = scipy.sparse.csr_matrix((data, (at_row, at_column)))
        done = scipy.optimize.linprog([-self.gain(cell, service) for cell, _, service in columns],
                                      A_ub=matrix, b_ub=limits, method="highs")
        assert done.status == 0, done.message
        return -done.fun

    def bound(self, prices):
        """What no plan can pass, if capacity has these prices (weak duality)."""
        total = sum(price * self.capacity(name, region)
                    for (name, region), price in prices.items())
        for cell in self.cells:
            best = 0
            for other, _, service in self.columns_of(cell):
                cost = sum(self.use(service, name, cell["region"]) * prices[
                    name, cell["region"] if self.resources[name].get("scope") == "local" else ""]
                           for name in self.resources)
                best = max(best, self.gain(cell, service) - cost)
            total += best * cell["people"]
        return total

    def columns_of(self, cell):
        for name, service in self.services.items():
            if service["target"] == cell["target"] and cell["tier"] in service["tiers"]:
                yield cell, name, service

    def write(self, place):
        with open(place + "/demand.csv", "w", newline="") as file:
            out = csv.writer(file)
            out.writerow(["period", "region", "target", "tier", "people", "sum_p"])
            for cell in self.cells:
                out.writerow(["2026-11", cell["region"], cell["target"], cell["tier"],
                              cell["people"], cell["sum_p"]])
        pathlib.Path(place, "allocation.yaml").write_text(self.yaml())

    def yaml(self):
        # JSON is YAML
        return json.dumps({"resources": self.resources, "services": self.services,
                           "travel": {"default": 1.0, "regions": self.travel}}, indent=1)


def random_instance(seed):
    pick = random.Random(seed)
    regions = ["R%d" % i for i in range(pick.randint(1, 12))]
    targets = ["chd", "diabetes"][:pick.randint(1, 2)]
    cells = []
    for region, target, tier in itertools.product(regions, targets, TIERS):
        if pick.random() < .85:
            people = pick.randint(1, 5000)
            mean = {"low": .02, "moderate": .1, "high": .4}[tier] * pick.uniform(.5, 2)
            cells.append({"region": region, "target": target, "tier": tier, "people": people,
                          "sum_p": int(people * mean * ONE)})
    resources = {}
    for i in range(pick.randint(1, 4)):
        scale = pick.choice([0, 10, 300, 4000, 1e6])
        resource = {"capacity": round(pick.uniform(.2, 1) * scale, 3), "travel": pick.random() < .5}
        if pick.random() < .5:
            resource["scope"] = "local"
            resource["regions"] = {region: round(pick.uniform(0, 2) * scale, 3)
                                   for region in regions if pick.random() < .3}
        resources["q%d" % i] = resource
    services = {}
    for i in range(pick.randint(1, 5)):
        names = pick.sample(sorted(resources), pick.randint(1, len(resources)))
        services["s%d" % i] = {
            "target": pick.choice(targets), "tiers": pick.sample(TIERS, pick.randint(1, 3)),
            "benefit": round(pick.uniform(.1, 3), 3),
            "uses": {name: round(pick.uniform(.05, 4), 3) for name in names}}
    travel = {region: round(pick.uniform(.5, 3), 2) for region in regions if pick.random() < .4}
    return Instance(cells, resources, services, travel)


class Judge(unittest.TestCase):
    def assert_is_optimum(self, instance, plan):
        optimum = instance.optimum()
        limit = RELATIVE * max(1, optimum)
        self.assertLessEqual(abs(plan["objective"] - optimum), limit)
        self.assert_is_feasible(instance, plan)
        prices = {(c["resource"], c.get("region", "")): c["shadow_price"]
                  for c in plan["capacities"]}
        self.assertEqual(set(prices), set(instance.constraints()))
        self.assertTrue(all(price >= 0 for price in prices.values()))
        self.assertLessEqual(abs(instance.bound(prices) - optimum), limit)
        return abs(plan["objective"] - optimum) / max(1, optimum)

    def assert_is_feasible(self, instance, plan):
        served, used, objective = {}, {}, 0
        cells = {(c["region"], c["target"], c["tier"]): c for c in instance.cells}
        for line in plan["services"]:
            key = line["region"], line["target"], line["tier"]
            service = instance.services[line["service"]]
            self.assertGreaterEqual(line["served"], 0)
            served[key] = served.get(key, 0) + line["served"]
            objective += instance.gain(cells[key], service) * line["served"]
            for name, resource in instance.resources.items():
                where = name, line["region"] if resource.get("scope") == "local" else ""
                used[where] = used.get(where, 0) + line["served"] * instance.use(
                    service, name, line["region"])
        for key, people in served.items():
            self.assertLessEqual(people, cells[key]["people"] * (1 + 1e-9) + 1e-6)
        for capacity in plan["capacities"]:
            where = capacity["resource"], capacity.get("region", "")
            self.assertAlmostEqual(capacity["capacity"], instance.capacity(*where))
            self.assertAlmostEqual(capacity["used"], used.get(where, 0), delta=1e-6 * max(
                1, capacity["used"]))
            self.assertLessEqual(capacity["used"], capacity["capacity"] * (1 + 1e-9) + 1e-6)
        self.assertAlmostEqual(objective, plan["objective"], delta=RELATIVE * max(1, objective))


class Optimum(Judge):
    def test_random_instances_are_solved_to_their_optimum(self):
        worst, solved = 0, 0
        with folder() as place:
            for seed in range(2 * INSTANCES):
                instance = random_instance(seed)
                if not list(instance.columns()):
                    continue  # nothing to plan for is a test of its own
                instance.write(place)
                plan = json.loads(chw("plan", "solve", "--demand", place + "/demand.csv",
                                      "--allocation", place + "/allocation.yaml", "--format",
                                      "json").stdout)
                with self.subTest(seed=seed):
                    worst = max(worst, self.assert_is_optimum(instance, plan))
                solved += 1
                if solved == INSTANCES:
                    break
        self.assertEqual(solved, INSTANCES)
        print("%d instances, largest relative difference %.1e" % (solved, worst), end=" ")


if BRFSS.exists():
    RECORDS, REGION, TARGET = str(BRFSS), "state", "HeartDisease"
    OPTIONS = ["--positive", "Yes", "--id-column", "row_id", "--drop", "state_fips", "--drop",
               "Diabetic"]
else:
    RECORDS, REGION, TARGET = "people.csv", "region", "chd"
    OPTIONS = ["--id-column", "person_id", "--drop", "diabetes"]

STATES = {
    "resources": {"chw_hours": {"capacity": 20000, "unit": "hours", "travel": True},
                  "test_kits": {"capacity": 30000, "unit": "kits"},
                  "clinic_slots": {"capacity": 300, "unit": "slots", "scope": "local",
                                   "regions": {"TX": 900, "NY": 0}}},
    "services": {"home_visit": {"target": "chd", "tiers": ["moderate", "high"], "benefit": .3,
                                "uses": {"chw_hours": .75, "test_kits": 1}},
                 "clinic_review": {"target": "chd", "tiers": ["high"], "benefit": 1,
                                   "uses": {"chw_hours": .25, "clinic_slots": 1}}},
    "travel": {"AK": 3, "MT": 2.5, "TX": 1.5, "XA/Kemuri/Kena": 2}}


def get(port, path):
    try:
        with urllib.request.urlopen("http://127.0.0.1:%d%s" % (port, path), timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""
    except OSError:
        return 0, ""


def free_port():
    import socket
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class States(Judge):
    """The demand of real records, by the cluster itself."""

    def instance(self, cluster):
        said = cluster.chw("demand", "--format", "csv").stdout
        cells = [{"region": row["region"], "target": row["target"], "tier": row["tier"],
                  "people": int(row["people"]), "sum_p": int(row["sum_p"])}
                 for row in csv.DictReader(io.StringIO(said)) if int(row["people"]) > 0]
        return Instance(cells, STATES["resources"], STATES["services"], STATES["travel"])

    def fill(self, cluster, place):
        records = RECORDS
        if not BRFSS.exists():
            records = place + "/" + RECORDS
            chw("generate", "--rows", 100000, "-o", records)
        chw("train", records, "--target", TARGET, "--name", "chd", "--promote", "champion",
            "--data", cluster.data, *OPTIONS)
        cluster.chw("score", records, "--region-column", REGION, "-o", place + "/results.csv")

    def test_plan_of_the_states_is_their_optimum_and_the_daemon_keeps_it_new(self):
        with folder() as place, Cluster(place + "/data") as cluster:
            nothing = cluster.chw("plan", "show", code=66)
            self.assertIn("no plan yet", nothing.stderr)
            allocation = pathlib.Path(place, "allocation.yaml")
            allocation.write_text(json.dumps(
                {**STATES, "travel": {"default": 1.0, "regions": STATES["travel"]}}))
            empty = cluster.chw("plan", "solve", "--allocation", allocation, code=66)
            self.assertIn("no demand to plan for", empty.stderr)
            port = free_port()
            daemon = start("chw-optimizer", "--store", "sqlite:%s/store.db" % cluster.data,
                           "--allocation", allocation, "--every-s", 1, "--metrics",
                           "127.0.0.1:%d" % port)
            try:
                self.fill(cluster, place)
                wait_until("the daemon is ready", lambda: get(port, "/health/ready")[0] == 200)
                wait_until("a plan by the daemon", lambda: "chw_optimizer_plans_total 0" not in
                           get(port, "/metrics")[1])
                self.solve_and_compare(cluster, allocation)
                self.break_and_mend(cluster, allocation, port)
            finally:
                daemon.send_signal(signal.SIGTERM)
                self.assertEqual(daemon.wait(30), 0)

    def solve_and_compare(self, cluster, allocation):
        solved = cluster.chw("plan", "solve", "--allocation", allocation, "--format", "json")
        plan = json.loads(solved.stdout)
        instance = self.instance(cluster)
        difference = self.assert_is_optimum(instance, plan)
        print("%d regions, relative difference %.1e" % (
            len({cell["region"] for cell in instance.cells}), difference), end=" ")
        shown = json.loads(wait_until("the daemon's plan is the same", lambda: (
            lambda text: text if json.loads(text)["version"] == plan["version"] else None)(
                cluster.chw("plan", "show", "--format", "json").stdout)))
        self.assertEqual(shown, plan)
        again = cluster.chw("plan", "solve", "--allocation", allocation)
        self.assertIn("the current one already", again.stderr)
        self.assertIn("chw_hours", again.stdout)

    def break_and_mend(self, cluster, allocation, port):
        """A bad edit leaves the last plan; a good one makes a new version."""
        before = json.loads(cluster.chw("plan", "show", "--format", "json").stdout)
        good = allocation.read_text()
        allocation.write_text(good.replace('"capacity": 20000', '"capacity": -1'))
        wait_until("the daemon is not ready", lambda: get(port, "/health/ready")[0] == 503)
        allocation.write_text(good.replace('"capacity": 20000', '"capacity": 10000'))
        wait_until("the daemon is ready", lambda: get(port, "/health/ready")[0] == 200)

        def newer():
            plan = json.loads(cluster.chw("plan", "show", "--format", "json").stdout)
            return plan if plan["version"] != before["version"] else None

        after = wait_until("a new plan", newer)
        self.assertLess(after["objective"], before["objective"])
        earlier = cluster.chw("plan", "show", "--version", before["version"][:10], "--format",
                              "json")
        self.assertEqual(json.loads(earlier.stdout), before)


@unittest.skipUnless(REDIS, "there is no redis-server")
class Outage(unittest.TestCase):
    """A store that is away, and one that comes back without what was published."""

    def setUp(self):
        place = folder()
        self.place = place.__enter__()
        self.addCleanup(place.__exit__, None, None, None)
        pathlib.Path(self.place, "allocation.yaml").write_text(GOOD)
        self.redis = RedisServer(self.place, "--appendfsync", "always")
        self.port = free_port()

    def fill(self):
        """Demand, as a cluster on a file makes it, copied."""
        records, data = self.place + "/p.csv", self.place + "/data"
        chw("generate", "--rows", 2000, "-o", records)
        with Cluster(data) as cluster:
            chw("train", records, "--target", "chd", "--name", "chd", "--id-column", "person_id",
                "--drop", "diabetes", "--promote", "champion", "--data", data)
            cluster.chw("score", records, "--region-column", "region", "-o", self.place + "/r.csv")
        chw("store", "copy", "sqlite:%s/store.db" % data, self.redis.url)

    def wait_ready(self, code):
        wait_until("readiness %d" % code, lambda: get(self.port, "/health/ready")[0] == code)

    def start_daemon(self):
        daemon = start("chw-optimizer", "--store", self.redis.url, "--allocation",
                       self.place + "/allocation.yaml", "--every-s", 1, "--metrics",
                       "127.0.0.1:%d" % self.port)
        self.addCleanup(daemon.wait, 30)
        self.addCleanup(daemon.terminate)

    def test_daemon_waits_for_a_store_that_is_away_at_its_start_or_later(self):
        self.start_daemon()
        self.wait_ready(503)
        with self.redis as redis:
            self.wait_ready(200)
            redis.stop(signal.SIGKILL)
            self.wait_ready(503)
            redis.start()
            self.wait_ready(200)

    def test_plan_that_the_store_lost_is_published_again(self):
        with self.redis as redis:
            self.fill()
            redis.stop()
            demand, kept = redis.folder / "appendonlydir", redis.folder / "earlier"
            shutil.copytree(demand, kept)
            redis.start()
            self.start_daemon()
            plan = wait_until("a plan", self.shown)
            redis.stop(signal.SIGKILL)
            self.wait_ready(503)
            shutil.rmtree(demand)
            shutil.copytree(kept, demand)
            redis.start()
            self.assertEqual(wait_until("the plan again", self.shown), plan)

    def shown(self):
        """The current plan, None where there is none."""
        done = run("chw", "plan", "show", "--store", self.redis.url, "--format", "json")
        return json.loads(done.stdout) if done.returncode == 0 else None


GOOD = """resources:
  hours: {capacity: 10, unit: hours}
services:
  visit: {target: chd, tiers: [high], benefit: 1, uses: {hours: 1}}
"""
BAD = [  # old, new, what the sentence says
    ("services:", "servces:", ":3: unknown key servces"),
    ("capacity: 10", "capacty: 10", ":2: unknown key capacty of hours"),
    ("capacity: 10", "capacity: -3", ":2: capacity is -3; expected a number from 0"),
    ("capacity: 10", "capacity: lots", ":2: capacity is lots"),
    ("capacity: 10", "capacity: inf", ":2: capacity is inf"),
    ("capacity: 10", "capacity: 1e13", ":2: capacity is 1e13; expected a number from 0, at most"),
    ("benefit: 1", "benefit: 1e308", ":4: benefit is 1e308"),
    ("capacity: 10, ", "", ":2: hours has no capacity"),
    ("capacity: 10", "capacity: 10, regions: {A: 1}", "only a resource of scope local"),
    ("capacity: 10", "scope: local, capacity: 10, regions: {A: -1}", ":2: A is -1"),
    ("capacity: 10", "scope: lokal, capacity: 10", "scope is central or local"),
    ("{hours: 1}", "{kits: 1}", ":4: visit uses kits, which is none of the resources"),
    ("{hours: 1}", "{hours: -1}", ":4: hours is -1"),
    ("{hours: 1}", "{hours: 0}", "visit uses nothing"),
    ("{hours: 1}", "{}", "visit uses nothing"),
    ("benefit: 1", "benefit: 0", "benefit is 0; expected a number above 0"),
    ("[high]", "[]", "tiers is a list"),
    ("[high]", "[high, high]", "tier high is there twice"),
    ("[high]", "high", "tiers is a list"),
    ("target: chd, ", "", "visit has no target"),
    ("services:\n  visit", "services:\n  visit: 3\n  visit", "visit"),
    ("resources:\n  hours", "resources: {}\nother:\n  hours", "unknown key other"),
]


class Answers(unittest.TestCase):
    """What is not a plan has a clear answer."""

    def solve(self, place, *options, **kept):
        return chw("plan", "solve", "--demand", place + "/demand.csv", "--allocation",
                   place + "/allocation.yaml", *options, **kept)

    def setUp(self):
        place = folder()
        self.place = place.__enter__()
        self.addCleanup(place.__exit__, None, None, None)
        self.write("allocation.yaml", GOOD)
        self.write("demand.csv", "period,region,target,tier,people,sum_p\n"
                                 "2026-10,A,chd,high,10,%d\n" % (5 * ONE))

    def write(self, name, text):
        pathlib.Path(self.place, name).write_text(text)

    def test_bad_allocations_are_refused_with_file_and_line(self):
        for old, new, said in BAD:
            self.assertIn(old, GOOD)
            self.write("allocation.yaml", GOOD.replace(old, new, 1))
            with self.subTest(new=new):
                done = self.solve(self.place, code=65)
                self.assertIn("allocation.yaml", done.stderr)
                self.assertIn(said, done.stderr)
                self.assertEqual(done.stdout, "")

    def test_no_capacity_is_a_plan_of_nothing_with_a_price(self):
        self.write("allocation.yaml", GOOD.replace("capacity: 10", "capacity: 0"))
        plan = json.loads(self.solve(self.place, "--format", "json").stdout)
        self.assertEqual(plan["objective"], 0)
        self.assertEqual([line["served"] for line in plan["services"]], [0])
        self.assertEqual(plan["capacities"][0]["shadow_price"], .5)
        self.assertTrue(plan["capacities"][0]["binding"])

    def test_regions_of_the_allocation_without_demand_are_warned_of(self):
        local = GOOD.replace("capacity: 10", "capacity: 10, scope: local, regions: {A: 1%s}")
        for name, travel, said in [
                ("", "{A: 2}", None),
                (", a: 3", "{A: 2}", "allocation.yaml: 1 regions' numbers are without effect, as "
                                     "there is no demand in 2026-10; the first is hours of a"),
                ("", "{A: 2, B: 2, C: 2}", "2 regions' numbers")]:
            self.write("allocation.yaml", local % name + "travel: {regions: %s}\n" % travel)
            with self.subTest(name=name, travel=travel):
                said_now = self.solve(self.place).stderr
                self.assertEqual("warning" in said_now, said is not None)
                self.assertIn(said or "", said_now)

    def test_what_cannot_be_planned_for_is_said(self):
        done = self.solve(self.place, "--period", "2026-11", code=66)
        self.assertIn("no demand in 2026-11; the periods with demand are 2026-10", done.stderr)
        self.solve(self.place, "--period", "2026-13", code=64)
        self.write("allocation.yaml", GOOD.replace("chd", "diabetes"))
        done = self.solve(self.place, code=66)
        self.assertIn("its targets are chd", done.stderr)
        self.write("allocation.yaml", GOOD)
        self.write("demand.csv", "period,region,target,tier,people,sum_p\n")
        self.assertIn("no demand", self.solve(self.place, code=66).stderr)
        for row in ["2026-10,A,chd,high,x,1", "2026-10,A,chd,high,1,%d" % (2 * ONE),
                    "2026-10,A,chd,high,9999999999999,1", "2026-10,A\x1b[31m,chd,high,1,1",
                    "2026-10,A,chd,high,9,99999999999999999999",
                    "2026-10,,chd,high,1,1", "10-2026,A,chd,high,1,1",
                    "2026-10,A,chd,high,1,1\n2026-10,A,chd,high,1,1"]:
            self.write("demand.csv", "period,region,target,tier,people,sum_p\n" + row + "\n")
            with self.subTest(row=row):
                self.assertIn("demand.csv", self.solve(self.place, code=65).stderr)
        self.assertIn("no store", chw("plan", "solve", "--data", self.place + "/none",
                                      code=66).stderr)
        self.assertIn("did you mean 'solve'", chw("plan", "slove", code=64).stderr)

    def test_services_of_an_unknown_target_or_tier_are_refused_by_the_stores_program(self):
        chw("generate", "--rows", 2000, "-o", self.place + "/p.csv")
        chw("train", self.place + "/p.csv", "--target", "chd", "--name", "chd", "--id-column",
            "person_id", "--drop", "diabetes", "--promote", "champion", "--data", self.place)
        for old, new, said in [("chd", "ckd", "for ckd, which is no target of the program: chd"),
                               ("[high]", "[top]", "which chd does not have: low, moderate")]:
            self.write("allocation.yaml", GOOD.replace(old, new))
            done = chw("plan", "solve", "--data", self.place, code=65)
            self.assertIn(said, done.stderr)
            self.assertIn("allocation.yaml", done.stderr)

    def test_three_thousand_regions_are_planned_for(self):
        rows = "".join("2026-10,R%04d,chd,%s,%d,%d\n" % (i, tier, 100 + i, (100 + i) * p * ONE // 100)
                       for i in range(3180) for tier, p in (("moderate", 9), ("high", 30)))
        self.write("demand.csv", "period,region,target,tier,people,sum_p\n" + rows)
        self.write("allocation.yaml", GOOD.replace("capacity: 10", "capacity: 1000000").replace(
            "services:", "  slots: {capacity: 40, scope: local}\nservices:\n  review: {target: chd, "
            "tiers: [high, moderate], benefit: 2, uses: {hours: .5, slots: 1}}"))
        plan = json.loads(self.solve(self.place, "--format", "json").stdout)
        self.assertEqual(len(plan["capacities"]), 1 + 3180)


if __name__ == "__main__":
    main()
