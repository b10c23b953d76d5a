// SPDX-License-Identifier: Apache-2.0

#include "bench/report/markdown.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "bench/goals.h"
#include "bench/report/series.h"

namespace bpfmap::bench {
namespace {

std::string Entries(const ReportRowName& name) {
  const uint64_t count = name.entries;
  if (count % (1 << 20) == 0) return absl::StrCat(count >> 20, "M");
  if (count % (1 << 10) == 0) return absl::StrCat(count >> 10, "K");
  return absl::StrCat(count);
}

std::string Ns(const ReportRow* row) {
  if (row == nullptr) return "";
  const double ns = row->ns_per_op;
  return absl::StrFormat("%s%.*f", row->at_most ? "<" : "", ns < 100 ? 1 : 0,
                         ns);
}

std::string Ratio(const ReportRow* row, const ReportRow* other) {
  if (row == nullptr) return "";
  const std::optional<double> ratio = TimesAsFast(*row, other);
  if (!ratio) return "";
  return absl::StrFormat("%s%.2fx", row->at_most || other->at_most ? "~" : "",
                         *ratio);
}

// The topic of a table: a map with keys and values of some size.
struct Topic {
  std::string map;
  uint32_t key_size, value_size;

  // It compares with 0, which clang-tidy 14 takes for a pointer.
  // NOLINTNEXTLINE(modernize-use-nullptr)
  friend auto operator<=>(const Topic&, const Topic&) = default;
};

Topic TopicOf(const ReportRowName& name) {
  return {name.map, name.key_size, name.value_size};
}

// How to run the rows of a table again; all views, if `view` is empty.
std::string Command(const Topic& topic, absl::string_view view) {
  return absl::StrCat("    map_bench --benchmark_repetitions=5 \\\n",
                      "        --benchmark_filter='^", topic.map, "/.*", view,
                      "/k", topic.key_size, "v", topic.value_size, "/'\n\n");
}

// Keys as a user has them, and not an attack or some that are more popular.
bool IsPlain(const ReportRowName& name) {
  return name.keys.empty() || name.keys == "uniform";
}

// A setting, and the rows of all series that have it.
using Rows = std::vector<const ReportRow*>;

const ReportRow* Find(const Rows& rows, absl::string_view series) {
  for (const ReportRow* row : rows) {
    if (row->name.Series() == series) return row;
  }
  return nullptr;
}

const ReportRow* BestPeer(const Rows& rows) {
  const ReportRow* best = nullptr;
  for (const ReportRow* row : rows) {
    if (RoleOf(row->name.implementation) != Role::kPeer) continue;
    if (best == nullptr || row->ns_per_op < best->ns_per_op) best = row;
  }
  return best;
}

// The rows that `is_wanted` is true of, by setting, as ordered in the run.
template <typename IsWanted>
std::vector<Rows> Settings(const ReportRun& run, IsWanted is_wanted) {
  std::vector<Rows> settings;
  for (const ReportRow& row : run.rows) {
    if (!is_wanted(row.name)) continue;
    const auto same = std::find_if(
        settings.begin(), settings.end(), [&row](const Rows& rows) {
          return SameSetting(rows[0]->name, row.name);
        });
    if (same != settings.end()) {
      same->push_back(&row);
    } else {
      settings.push_back({&row});
    }
  }
  return settings;
}

class Table {
 public:
  Table(std::string& out, const std::vector<std::string>& columns)
      : out_(out), columns_(columns) {}

  // The head comes with the first row.
  void Add(const std::vector<std::string>& cells) {
    if (is_empty_) {
      AddLine(columns_);
      AddLine(std::vector<std::string>(columns_.size(), "---"));
      is_empty_ = false;
    }
    AddLine(cells);
  }

 private:
  void AddLine(const std::vector<std::string>& cells) {
    absl::StrAppend(&out_, "| ", absl::StrJoin(cells, " | "), " |\n");
  }

  std::string& out_;
  const std::vector<std::string> columns_;
  bool is_empty_ = true;
};

std::string Times(const ReportRow* row, const ReportRow* floor) {
  if (row == nullptr) return "";
  const std::optional<double> times = TimesTheFloor(*row, floor);
  if (!times) return "";
  return absl::StrFormat("%s%.1fx", row->at_most || floor->at_most ? "~" : "",
                         *times);
}

// "met", "missed", or nothing where there is no goal.
std::pair<std::string, std::string> GoalAndVerdict(const ReportRow& ours,
                                                   const ReportRow* floor) {
  const auto goal = GoalOf(ours.name.map, ours.name.operation);
  const auto times = TimesTheFloor(ours, floor);
  if (!goal || !times) return {};
  return {absl::StrFormat("%.1fx", *goal), *times <= *goal ? "met" : "missed"};
}

void AddProgramTable(const ReportRun& run, const Topic& topic,
                     std::string& out) {
  std::string rows;
  Table table(rows,
              {"operation", "threads", "entries", "`cloud`", "`cloud_direct`",
               "kernel in a program", "ratio", "floor", "times", "goal", ""});
  for (const Rows& setting : Settings(run, [&](const ReportRowName& name) {
         return TopicOf(name) == topic && IsPlain(name);
       })) {
    const ReportRow* const kernel = Find(setting, "kernel/program");
    const ReportRow* const cloud = Find(setting, "cloud/program");
    const ReportRow* const direct = Find(setting, "cloud_direct/program");
    const ReportRow* const ours = cloud != nullptr ? cloud : direct;
    const ReportRow* const floor = Find(setting, "floor/program");
    if (ours == nullptr || (kernel == nullptr && floor == nullptr)) continue;
    // The compiler knows the floor's class too.
    const ReportRow* const alike = direct != nullptr ? direct : ours;
    const auto [goal, verdict] = GoalAndVerdict(*alike, floor);
    const ReportRowName& name = ours->name;
    table.Add({name.operation, absl::StrCat(name.threads), Entries(name),
               Ns(cloud), Ns(direct), Ns(kernel), Ratio(ours, kernel),
               Ns(floor), Times(alike, floor), goal, verdict});
  }
  if (rows.empty()) return;
  absl::StrAppend(&out, "\n### ", topic.map, ", key/value ", topic.key_size,
                  "/", topic.value_size, " bytes, in a program\n\n",
                  Command(topic, "/program"), rows);
}

void AddUserTable(const ReportRun& run, const Topic& topic, std::string& out) {
  std::string rows;
  Table table(rows,
              {"operation", "threads", "entries", "`cloud/user`",
               "kernel, system call", "ratio", "best peer", "which",
               "`cloud/user` to it", "program view to it", "floor", "times"});
  for (const Rows& setting : Settings(run, [&](const ReportRowName& name) {
         return TopicOf(name) == topic && IsPlain(name);
       })) {
    const ReportRow* const ours = Find(setting, "cloud/user");
    const ReportRow* const program = Find(setting, "cloud/program");
    const ReportRow* const kernel = Find(setting, "kernel/user");
    const ReportRow* const peer = BestPeer(setting);
    const ReportRow* const floor = Find(setting, "floor/user");
    if (ours == nullptr || (kernel == nullptr && peer == nullptr)) continue;
    const ReportRowName& name = ours->name;
    table.Add({name.operation, absl::StrCat(name.threads), Entries(name),
               Ns(ours), Ns(kernel), Ratio(ours, kernel), Ns(peer),
               peer == nullptr ? "" : peer->name.implementation,
               Ratio(ours, peer), Ratio(program, peer), Ns(floor),
               Times(ours, floor)});
  }
  if (rows.empty()) return;
  absl::StrAppend(&out, "\n### ", topic.map, ", key/value ", topic.key_size,
                  "/", topic.value_size,
                  " bytes: system calls and other libraries\n\n",
                  Command(topic, ""), rows);
}

void AddPercentiles(const ReportRun& run, std::string& out) {
  std::string rows;
  Table table(rows, {"map", "operation", "entries", "implementation", "p50",
                     "p99", "p99.9"});
  for (const ReportRow& row : run.rows) {
    const ReportRowName& name = row.name;
    const bool is_shown = name.entries == 1 << 16 ||
                          (name.entries == 1 << 10 && name.key_size == 0);
    if (!row.p50 || !row.p99 || !row.p999 || !is_shown || !IsPlain(name) ||
        name.value_size != 8) {
      continue;
    }
    const auto number = [](double ns) { return absl::StrFormat("%.0f", ns); };
    table.Add({name.map, name.operation, Entries(name), name.Series(),
               number(*row.p50), number(*row.p99), number(*row.p999)});
  }
  if (rows.empty()) return;
  absl::StrAppend(&out, "\n### Single operations with two threads, ns\n\n",
                  rows);
}

void AddMemory(const ReportRun& run, std::string& out) {
  std::string rows;
  Table table(rows, {"map", "key/value", "entries", "`cloud`", "kernel",
                     "other libraries"});
  std::set<std::pair<Topic, uint64_t>> done;
  for (const Rows& setting : Settings(run, [](const ReportRowName& name) {
         return name.threads == 1 && IsPlain(name) && name.entries >= 1 << 16 &&
                name.map != "ringbuf";
       })) {
    const auto bytes = [&](const ReportRow* row) {
      return row == nullptr || !row->bytes_per_entry
                 ? ""
                 : absl::StrFormat("%.1f", *row->bytes_per_entry);
    };
    const std::string ours = bytes(Find(setting, "cloud/program"));
    const ReportRowName& name = setting[0]->name;
    if (ours.empty() || !done.insert({TopicOf(name), name.entries}).second) {
      continue;
    }
    std::vector<std::string> peers;
    for (const ReportRow* row : setting) {
      if (RoleOf(row->name.implementation) == Role::kPeer &&
          row->bytes_per_entry) {
        peers.push_back(
            absl::StrCat(row->name.implementation, " ", bytes(row)));
      }
    }
    table.Add({name.map, absl::StrCat(name.key_size, "/", name.value_size),
               Entries(name), ours, bytes(Find(setting, "kernel/program")),
               absl::StrJoin(peers, ", ")});
  }
  if (rows.empty()) return;
  absl::StrAppend(&out, "\n### Memory, bytes per element\n\n", rows);
}

void AddAttacks(const ReportRun& run, std::string& out) {
  std::string rows;
  Table table(rows, {"operation", "threads", "keys", "`cloud`",
                     "time to that of uniform keys"});
  for (const ReportRow& row : run.rows) {
    const ReportRowName& name = row.name;
    if (name.keys.empty() || name.keys == "zipf" ||
        name.Series() != "cloud/program") {
      continue;
    }
    ReportRowName uniform_name = name;
    uniform_name.keys = "uniform";
    const auto uniform = std::find_if(
        run.rows.begin(), run.rows.end(),
        [&](const ReportRow& other) { return other.name == uniform_name; });
    if (name == uniform_name || uniform == run.rows.end()) continue;
    table.Add({name.operation, absl::StrCat(name.threads), name.keys, Ns(&row),
               absl::StrFormat("%.2f", row.ns_per_op / uniform->ns_per_op)});
  }
  if (rows.empty()) return;
  absl::StrAppend(
      &out, "\n### Keys chosen to collide\n\n",
      "    map_bench --preset=attacks --benchmark_repetitions=5\n\n", rows);
}

void AddErrors(const ReportRun& run, std::string& out) {
  if (run.without_result.empty()) return;
  out += "\n### Rows without a result\n\n";
  for (const RowWithoutResult& row : run.without_result) {
    absl::StrAppend(&out, "- `", row.full_name, "`: ", row.why, "\n");
  }
}

}  // namespace

std::string MarkdownTables(const ReportRun& run) {
  std::string out;
  std::vector<std::string> machine;
  for (const auto& [label, value] : run.machine) {
    machine.push_back(absl::StrCat(label, ": ", value));
  }
  absl::StrAppend(&out, "\n", absl::StrJoin(machine, "; "), ".\n",
                  "\nMedians, ns per operation.\n");
  std::vector<Topic> topics;
  for (const ReportRow& row : run.rows) {
    const Topic topic = TopicOf(row.name);
    if (std::find(topics.begin(), topics.end(), topic) == topics.end()) {
      topics.push_back(topic);
    }
  }
  for (const Topic& topic : topics) AddProgramTable(run, topic, out);
  for (const Topic& topic : topics) AddUserTable(run, topic, out);
  AddPercentiles(run, out);
  AddMemory(run, out);
  AddAttacks(run, out);
  AddErrors(run, out);
  return out;
}

std::string ReplaceTables(absl::string_view text, absl::string_view tables) {
  const size_t begin = text.find(kTablesBegin);
  return absl::StrCat(text.substr(0, begin), kTablesBegin, tables);
}

}  // namespace bpfmap::bench
