// SPDX-License-Identifier: Apache-2.0

#include "bench/report/machine.h"

#include <optional>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

namespace bpfmap::bench {
namespace {

using nlohmann::json;

// A number or a string or a bool, as a reader expects it.
std::optional<std::string> Plain(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_number()) return absl::StrFormat("%g", value.get<double>());
  return std::nullopt;
}

// "L1 Data 48 KiB, L2 Unified 2 MiB (shared by 2)".
std::optional<std::string> Caches(const json& caches) {
  if (!caches.is_array()) return std::nullopt;
  std::vector<std::string> out;
  for (const json& cache : caches) {
    if (!cache.is_object() || !cache.contains("level") ||
        !cache["level"].is_number() || !cache.contains("size") ||
        !cache["size"].is_number()) {
      continue;
    }
    const double kib = cache["size"].get<double>() / 1024;
    std::string one = absl::StrFormat("L%g", cache["level"].get<double>());
    if (const auto type = Plain(cache.value("type", json()))) {
      if (*type != "Unified") absl::StrAppend(&one, " ", *type);
    }
    absl::StrAppendFormat(&one, " %g %s", kib < 1024 ? kib : kib / 1024,
                          kib < 1024 ? "KiB" : "MiB");
    const json shared = cache.value("num_sharing", json());
    if (shared.is_number() && shared.get<double>() > 1) {
      absl::StrAppendFormat(&one, " (shared by %g)", shared.get<double>());
    }
    out.push_back(one);
  }
  if (out.empty()) return std::nullopt;
  return absl::StrJoin(out, ", ");
}

// "9.05, 6.82, 6.04".
std::optional<std::string> Load(const json& load) {
  if (!load.is_array()) return std::nullopt;
  std::vector<std::string> out;
  for (const json& one : load) {
    if (one.is_number()) {
      out.push_back(absl::StrFormat("%.2f", one.get<double>()));
    }
  }
  if (out.empty()) return std::nullopt;
  return absl::StrJoin(out, ", ");
}

struct Item {
  const char* key;
  const char* label;
  std::optional<std::string> (*describe)(const json&);
};

constexpr Item kItems[] = {
    {"date", "Date", Plain},
    {"host_name", "Host", Plain},
    {"num_cpus", "CPUs", Plain},
    {"mhz_per_cpu", "MHz per CPU", Plain},
    {"cpu_scaling_enabled", "CPU scaling", Plain},
    {"aslr_enabled", "Address randomisation", Plain},
    {"caches", "Caches", Caches},
    {"load_avg", "Load at the start", Load},
    {"library_build_type", "Build of Google Benchmark", Plain},
    {"library_version", "Version of Google Benchmark", Plain},
};

}  // namespace

std::vector<std::pair<std::string, std::string>> DescribeMachine(
    const json& context) {
  std::vector<std::pair<std::string, std::string>> out;
  if (!context.is_object()) return out;
  // A path says more about the person than about the run.
  std::set<std::string> done = {"executable", "json_schema_version"};
  for (const Item& item : kItems) {
    done.insert(item.key);
    const auto it = context.find(item.key);
    if (it == context.end()) continue;
    if (const auto value = item.describe(*it)) {
      out.emplace_back(item.label, *value);
    }
  }
  for (const auto& [key, value] : context.items()) {
    const auto plain = Plain(value);
    if (plain && !done.contains(key)) out.emplace_back(key, *plain);
  }
  return out;
}

}  // namespace bpfmap::bench
