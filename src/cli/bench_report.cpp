#include "cli/bench_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string_view>

#include "cli/build_info.h"
#include "cli/human_text.h"

namespace facet::cli {
namespace {

using Json = nlohmann::ordered_json;
using Rows = std::vector<std::vector<std::string>>;

constexpr double kMost = 0.99;
constexpr double kGiga = 1e9;

double per_second(const BenchRow& row) {
  return row.times.median() > 0 ? 1000.0 * row.items / row.times.median() : 0;
}

// A multiplication and an addition are two operations.
double gflops(double multiply_adds_per_second) { return 2 * multiply_adds_per_second / kGiga; }

std::string milliseconds(double ms) { return fmt::format("{:.{}f}", ms, ms < 10 ? 2 : ms < 1000 ? 1 : 0); }

void add_rows(const std::vector<BenchRow>& rows, const BenchReport& report, Rows& table) {
  for (const BenchRow& row : rows) {
    const double share = report.share_of_limit(row);
    table.push_back(
        {row.name, milliseconds(row.times.median() / row.items),
         milliseconds(row.times.percentile(kMost) / row.items), fmt::format("{:.4g}", per_second(row)),
         share > 0 ? fmt::format("{:.0f} %", 100 * share) : "", std::to_string(row.times.size())});
  }
}

/// As human_table, with the numbers of all columns but the first set to the right.
std::string number_table(Rows rows) {
  std::vector<std::size_t> widths(rows[0].size());
  for (const auto& row : rows) {
    for (std::size_t i = 1; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (auto& row : rows) {
    for (std::size_t i = 1; i < row.size(); ++i) row[i] = fmt::format("{:>{}}", row[i], widths[i]);
  }
  return human_table(rows);
}

std::string limit_text(const BenchReport& report) {
  const double best = report.best_multiply_adds_per_second();
  if (best == 0) return {};
  std::string text =
      fmt::format("limit    products of this model's shapes reach {:.0f} GFLOP/s", gflops(best));
  for (const BenchRow& row : report.stages) {
    if (row.multiply_adds == 0) continue;
    text +=
        fmt::format("\n         {}: {:.1f} G multiply-adds, at that rate {} ms", row.name,
                    double(row.multiply_adds) / kGiga, milliseconds(1000 * double(row.multiply_adds) / best));
  }
  return text + "\n";
}

std::string comparison_text(const PeerComparison& comparison) {
  return fmt::format("peer     {}: {} ms, Facet {} ms in turns of {}: ratio {:.2f}; its peak memory {}\n",
                     comparison.peer, milliseconds(comparison.other.median()),
                     milliseconds(comparison.facet.median()), comparison.facet.size(), comparison.ratio(),
                     human_bytes(double(comparison.other_peak_bytes)));
}

Json row_json(const BenchRow& row, const BenchReport& report) {
  Json json = {{"name", row.name},
               {"runs", row.times.size()},
               {"p50_ms", row.times.median() / row.items},
               {"p99_ms", row.times.percentile(kMost) / row.items},
               {"per_second", per_second(row)}};
  if (row.multiply_adds > 0) {
    json["multiply_adds"] = row.multiply_adds;
    json["share_of_limit"] = report.share_of_limit(row);
  }
  return json;
}

Json rows_json(const std::vector<BenchRow>& rows, const BenchReport& report) {
  Json list = Json::array();
  for (const BenchRow& row : rows) list.push_back(row_json(row, report));
  return list;
}

Json limit_json(const BenchReport& report) {
  Json products = Json::array();
  for (const ProductRate& product : report.products) {
    products.push_back({{"rows", product.shape.rows},
                        {"in", product.shape.in},
                        {"out", product.shape.out},
                        {"gflops", gflops(product.multiply_adds_per_second)}});
  }
  return {{"gflops", gflops(report.best_multiply_adds_per_second())}, {"products", products}};
}

Json comparison_json(const PeerComparison& comparison) {
  return {{"peer", comparison.peer},
          {"facet_ms", comparison.facet.values()},
          {"peer_ms", comparison.other.values()},
          {"facet_median_ms", comparison.facet.median()},
          {"peer_median_ms", comparison.other.median()},
          {"ratio", comparison.ratio()},
          {"peer_peak_bytes", comparison.other_peak_bytes}};
}

}  // namespace

std::string bench_text(const BenchDocument& document) {
  const BuildInfo build = build_info();
  const BenchReport& report = document.report;
  std::string text =
      fmt::format("{}, {} in {}, {} x {} ({})\non       {} {}, {} threads{}, oneDNN {}\n\n",
                  report.model.architecture, report.model.precision, build.version, document.size.width,
                  document.size.height, document.picture, build.build_type, build.onednn_isa,
                  document.threads, document.pinned ? " pinned" : "", build.onednn_version);
  Rows table = {{"STAGE", "P50 ms", "P99 ms", "PER SECOND", "OF LIMIT", "RUNS"}};
  add_rows(report.stages, report, table);
  table.push_back({"JOB", "", "", "", "", ""});
  add_rows(report.jobs, report, table);
  text += number_table(std::move(table)) + "\n" + limit_text(report);
  text += fmt::format("memory   {} over load, one encode and one click; {} over all of this\n",
                      human_bytes(double(report.serving_bytes)), human_bytes(double(report.peak_bytes)));
  if (document.comparison) text += comparison_text(*document.comparison);
  return text;
}

std::string bench_json(const BenchDocument& document) {
  const BuildInfo build = build_info();
  const BenchReport& report = document.report;
  Json json = {
      {"version", build.version},
      {"build_type", build.build_type},
      {"onednn", build.onednn_version},
      {"cpu", build.onednn_isa},
      {"threads", document.threads},
      {"pinned", document.pinned},
      {"model",
       {{"architecture", report.model.architecture},
        {"precision", report.model.precision},
        {"path", report.model.path.string()},
        {"parameters", report.model.parameters}}},
      {"picture",
       {{"name", document.picture}, {"height", document.size.height}, {"width", document.size.width}}},
      {"stages", rows_json(report.stages, report)},
      {"jobs", rows_json(report.jobs, report)},
      {"limit", limit_json(report)},
      {"memory", {{"serving_bytes", report.serving_bytes}, {"peak_bytes", report.peak_bytes}}}};
  if (document.comparison) json["comparison"] = comparison_json(*document.comparison);
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace facet::cli
