"""Reads what the measurements left in a folder as JSON, prints the figures beside their aims, and draws the plots."""

import json
import pathlib
import sys

import draw


def read(folder, name):
    path = folder / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def machine_of(report):
    machine = report["machine"]
    return f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_mib'] // 1024} GiB"


def galleries(folder):
    found = [json.loads(path.read_text()) for path in folder.glob("gallery-*.json")]
    return sorted(found, key=lambda report: report["people"])


def line(name, value, aim="", met=None, why=""):
    """A figure beside its aim; what the profile says if the aim is missed."""
    mark = "" if met is None else ("yes" if met else "NO")
    print(f"{name:<64}{value:>16}  {aim:<18}{mark}")
    if met is False and why:
        print(f"    {why}")


def print_galleries(reports):
    print(f"{'people':>10}{'load s':>9}{'B each':>8}{'p50 ms':>10}{'p99 ms':>10}{'all thr.':>10}{'of band.':>9}{'64 x':>7}{'p99 wr.':>9}"
          f"{'insert us':>10}{'remove us':>10}{'@1':>9}{'@5':>9}")
    for report in reports:
        writing = report["writing"] or {"p99_ratio": float("nan")}
        print(
            f"{report['people']:>10}{report['load_s']:>9.2f}{report['bytes_per_template']:>8.0f}"
            f"{report['search']['p50_ms']:>10.3f}{report['search']['p99_ms']:>10.3f}"
            f"{report['search_by_threads']['one_at_a_time']['p50_ms']:>10.3f}{report['scan_fraction_of_bandwidth']:>9.2f}"
            f"{report['batch']['times_one_by_one']:>7.1f}{writing['p99_ratio']:>9.2f}"
            f"{report['insert_us']:>10.1f}{report['remove_us']:>10.1f}{report['recall_at_1']:>9.5f}{report['recall_at_5']:>9.5f}"
        )
    print()


def print_aims(folder, reports):
    """What was aimed at and what was reached."""
    print(f"{'':<64}{'measured':>16}  {'aim':<18}reached")
    million = next((report for report in reports if report["people"] == 1_000_000), None)
    compared = read(folder, "compare-gallery")
    if million:
        for place in (1, 5):
            recall = million[f"recall_at_{place}"]
            line(f"1M: recall@{place} of {million['exactness']['probes']} probes", f"{recall:.6f}", "1.000", recall == 1)
        fraction = million["scan_fraction_of_bandwidth"]
        line("1M: share of the memory's bandwidth, 1 thread", f"{fraction:.2f}", "0.7", fraction >= 0.7)
        threads = million["search_by_threads"]["times_one_thread"]
        bandwidth = million["read_bandwidth_all_threads_bytes_per_s"] / million["read_bandwidth_bytes_per_s"]
        why = f"memory is read {bandwidth:.2f} times as fast by {million['threads']} threads as by one"
        line(f"1M: one probe by {million['threads']} threads, times sooner", f"{threads:.2f}", "1.7", threads >= 1.7, why)
        batch = million["batch"]["times_one_by_one"]
        line(f"1M: {million['batch']['size']} probes together, times the throughput", f"{batch:.2f}", "4", batch >= 4)
        line("1M: bytes a template", f"{million['bytes_per_template']:.0f}", "650", million["bytes_per_template"] <= 650)
        if million["writing"]:
            ratio = million["writing"]["p99_ratio"]
            line(f"1M: p99 at {million['writing']['writes_per_second']:.0f} writes/s over idle", f"{ratio:.2f}", "1.5", ratio <= 1.5)
    if compared and "1000000" in compared["sizes"]:
        tools = compared["sizes"]["1000000"]
        flat = next(tool for name, tool in tools.items() if "IndexFlatIP" in name)
        line("1M: time over that of faiss IndexFlatIP, 1 thread", f"{1 / flat['times_aicp']:.3f}", "0.08", 1 / flat["times_aicp"] <= 0.08)
        whole = next(tool for name, tool in tools.items() if "whole" in name)
        line("1M: times faster than with whole templates", f"{whole['times_aicp']:.2f}", "3", whole["times_aicp"] >= 3)
        full = compared["aicp"]["1000000"]["exactness"]["templates_read_per_probe"]
        why = f"{full:.0f} templates a probe are read and compared in full, which 64 together don't share"
        line("1M: 64 together, times faster than with whole templates", f"{whole['times_aicp_of_64']:.2f}", "3", whole["times_aicp_of_64"] >= 3, why)
    if million and million.get("libraries"):
        many = million["libraries"]
        share = many["scan_bytes_per_s"] / million["read_bandwidth_all_threads_bytes_per_s"]
        line(f"{many['libraries']:,} libraries of {many['people_each']} in one call, ms", f"{many['p50_ms']:.1f}")
        line("... share of the memory's bandwidth, all threads", f"{share:.2f}")
    ten = next((report for report in reports if report["people"] == 10_000_000), None)
    if ten:
        gib = ten["memory_bytes"] / 2**30
        line("10M: memory, GiB", f"{gib:.1f}", "7 GB: 6.5", gib <= 6.5)
    service = read(folder, "service")
    if service:
        people = f"{service['people']:,} people"
        line(f"server with {people}: start to ready, s", f"{service['start_s']:.2f}", "2.5", service["start_s"] <= 2.5)
        line(f"server with {people}: next start, from its file, s", f"{service['restart_s']:.2f}", "2.5", service["restart_s"] <= 2.5)
        throughput = [load["calls_per_second"] for load in service["loads"]]
        # From as many clients as cores on, it should not fall.
        share = throughput[-1] / max(throughput)
        line("throughput of most clients over the best", f"{share:.2f}", "flat: 0.9", share >= 0.9)
        line("calls of the overload that were told busy", f"{service['overload']['busy_share']:.2f}")
        line("memory of the idle server, MiB", f"{service['idle_memory_bytes'] / 2**20:.0f}")
        line("size of the program, MiB", f"{service['binary_bytes'] / 2**20:.0f}")
    imported = read(folder, "import")
    if imported:
        # The first needs an idle machine; the second is an upper bound.
        share = min(imported["of_capacity"], imported["of_capacity_by_processor_time"])
        line(f"import of {imported['files']:,} files over the workers alone", f"{share:.3f}", "0.9", share >= 0.9)
    for size in ("1280x720", "910x1137"):
        vision = read(folder, f"vision-{size}")
        if vision:
            ratio = vision["ratio_whole_to_bare_models"]
            stages = {stage["name"]: stage["p50_ms"] for stage in vision["stages"]}
            why = f"decoding takes {stages['decode']:.1f} ms, scaling, alignment and cold caches the rest, beside {vision['bare_models_p50_ms']:.1f} ms of networks"
            line(f"{size}: recognition over its bare networks", f"{ratio:.3f}", "1.15", ratio <= 1.15, why)
            line(f"{size}: recognition, 1 thread, ms", f"{vision['whole']['p50_ms']:.1f}")
    compared = read(folder, "compare-vision")
    if compared:
        aims = {"dlib": 25, "face-api": 20, "Python": 2}
        for name, tool in compared["tools"].items():
            aim = next((times for word, times in aims.items() if word in name), None)
            if aim:
                why = f"aimed at on a processor with AMX, where the networks take a third of the time; this is {compared['machine']['cpu']}"
                line(f"times faster than {name}", f"{tool['times_aicp']:.1f}", str(aim), tool["times_aicp"] >= aim, why)
    print()


def print_service(service):
    loads = service["loads"] + [service["overload"]]
    print(f"{'clients':>8}{'calls/s':>10}{'p50 ms':>10}{'p99 ms':>10}{'busy':>8}{'errors':>8}")
    for load in loads:
        print(f"{load['clients']:>8}{load['calls_per_second']:>10.1f}{load['p50_ms']:>10.1f}{load['p99_ms']:>10.1f}"
              f"{load['busy']:>8}{load['errors']:>8}")
    print()


def draw_galleries(folder, reports):
    def series(value):
        return [(report["people"], value(report)) for report in reports]

    note = machine_of(reports[-1]) + "; templates of 512 numbers; exact search, top 5"
    threads = reports[-1]["threads"]
    size = reports[-1]["batch"]["size"]
    cost = {
        "x": "people in the library", "y": "milliseconds a probe",
        "series": {
            "1 thread": series(lambda r: r["search"]["p50_ms"]),
            f"{threads} threads": series(lambda r: r["search_by_threads"]["one_at_a_time"]["p50_ms"]),
            f"{size} together, 1 thread": series(lambda r: r["batch"]["p50_ms"] / r["batch"]["size"]),
        },
    }
    memory = {
        "x": "people in the library", "y": "MiB of memory",
        "series": {"memory": [(p, b / 2**20) for p, b in series(lambda r: r["memory_bytes"]) if b > 0]},
    }
    write = {
        "x": "people in the library", "y": "microseconds",
        "series": {"insert": series(lambda r: r["insert_us"]), "remove": series(lambda r: r["remove_us"])},
    }
    (folder / "growth.svg").write_text(
        draw.lines("Cost of one search by library size (p50)", note, [cost])
    )
    (folder / "growth-memory-writes.svg").write_text(
        draw.lines("Memory and the cost of a change by library size", note, [memory, write])
    )


def draw_service(folder, service):
    loads = service["loads"]
    clients = [load["clients"] for load in loads]
    throughput = {
        "x": "clients at the same time", "y": "recognitions a second", "log_y": False, "x_ticks": clients,
        "series": {"recognitions a second": [(load["clients"], load["calls_per_second"]) for load in loads]},
    }
    wait = {
        "x": "clients at the same time", "y": "milliseconds", "x_ticks": clients,
        "series": {
            "p50": [(load["clients"], load["p50_ms"]) for load in loads],
            "p99": [(load["clients"], load["p99_ms"]) for load in loads],
        },
    }
    note = f"{machine_of(service)}; {service['people']:,} people; a 1280x720 JPEG a call, clients on the same machine"
    (folder / "service.svg").write_text(draw.lines("Recognition over HTTP by the number of clients", note, [throughput, wait]))


def draw_comparisons(folder):
    compared = read(folder, "compare-gallery")
    if compared:
        for people, tools in compared["sizes"].items():
            rows = [
                (name, tool["p50_ms"], f"{tool['p50_ms']:.2f} ms, recall@5 {tool['recall_at_5']:.3f}", name.startswith("AICP"))
                for name, tool in tools.items()
            ]
            rows.sort(key=lambda row: row[1])
            number, _, kind = people.partition("-")
            title = f"One search among {int(number):,} templates" + (" of random directions" if kind else "")
            note = f"{machine_of(compared)}; 1 thread, top 5; medians of one run, in turns"
            (folder / f"compare-gallery-{people}.svg").write_text(draw.bars(title, note, "milliseconds, logarithmic", rows))
    compared = read(folder, "compare-vision")
    if compared:
        rows = [
            (name, tool["p50_ms"], f"{tool['p50_ms']:.1f} ms" + ("" if name == "AICP" else f", {tool['times_aicp']:.1f} times AICP's"), name == "AICP")
            for name, tool in compared["tools"].items()
        ]
        rows.sort(key=lambda row: row[1])
        note = f"{machine_of(compared)}; 1 thread; {compared['picture']}; medians of one run, in turns"
        (folder / "compare-vision.svg").write_text(draw.bars("A face, from file to embedding", note, "milliseconds", rows, log=False))


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "bench/results")
    reports = galleries(folder)
    if reports:
        print(machine_of(reports[-1]) + "\n")
        print_galleries(reports)
        draw_galleries(folder, reports)
    service = read(folder, "service")
    if service:
        print_service(service)
        draw_service(folder, service)
    print_aims(folder, reports)
    draw_comparisons(folder)


if __name__ == "__main__":
    main()
