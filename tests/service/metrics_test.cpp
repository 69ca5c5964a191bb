#include "service/metrics.h"

#include <gmock/gmock.h>

#include <limits>
#include <thread>

#include "facet/status.h"

namespace facet::service {
namespace {

TEST(Metrics, WritesTheTextFormat) {
  Metrics metrics;
  metrics.counter("facet_requests_total", "Requests", {{"route", "/a"}}).add(3);
  metrics.gauge("facet_depth", "Depth").set(1.5);
  metrics.gauge_function("facet_rss_bytes", "Memory", [] { return 42.0; });
  constexpr double kBounds[] = {0.1, 1};
  Histogram& histogram = metrics.histogram("facet_seconds", "Time", kBounds);
  histogram.observe(0.1);
  histogram.observe(0.5);
  histogram.observe(7);
  EXPECT_EQ(metrics.text(),
            "# HELP facet_depth Depth\n# TYPE facet_depth gauge\nfacet_depth 1.5\n"
            "# HELP facet_requests_total Requests\n# TYPE facet_requests_total counter\n"
            "facet_requests_total{route=\"/a\"} 3\n"
            "# HELP facet_rss_bytes Memory\n# TYPE facet_rss_bytes gauge\nfacet_rss_bytes 42\n"
            "# HELP facet_seconds Time\n# TYPE facet_seconds histogram\n"
            "facet_seconds_bucket{le=\"0.1\"} 1\nfacet_seconds_bucket{le=\"1\"} 2\n"
            "facet_seconds_bucket{le=\"+Inf\"} 3\nfacet_seconds_sum 7.6\nfacet_seconds_count 3\n");
}

TEST(Metrics, EscapesLabelsAndHelp) {
  Metrics metrics;
  metrics.counter("a", "one\ntwo\\", {{"x", "say \"hi\"\n\\"}}).add();
  EXPECT_EQ(metrics.text(), "# HELP a one\\ntwo\\\\\n# TYPE a counter\na{x=\"say \\\"hi\\\"\\n\\\\\"} 1\n");
}

TEST(Metrics, WritesNumbersThatAreNone) {
  Metrics metrics;
  metrics.gauge("a", "").set(std::numeric_limits<double>::infinity());
  metrics.gauge("b", "").set(std::numeric_limits<double>::quiet_NaN());
  EXPECT_THAT(metrics.text(),
              ::testing::AllOf(::testing::HasSubstr("a +Inf\n"), ::testing::HasSubstr("b NaN\n")));
}

TEST(Metrics, GivesTheSameMetricForTheSameNameAndLabels) {
  Metrics metrics;
  EXPECT_EQ(&metrics.counter("a", "", {{"x", "1"}}), &metrics.counter("a", "", {{"x", "1"}}));
  EXPECT_NE(&metrics.counter("a", "", {{"x", "1"}}), &metrics.counter("a", "", {{"x", "2"}}));
}

TEST(Metrics, ForgetsWhatIsRemoved) {
  Metrics metrics;
  metrics.gauge("a", "", {{"x", "1"}}).set(1);
  metrics.gauge("a", "", {{"x", "2"}}).set(2);
  metrics.remove("a", {{"x", "1"}});
  metrics.remove("b", {});
  EXPECT_EQ(metrics.text(), "# HELP a \n# TYPE a gauge\na{x=\"2\"} 2\n");
}

TEST(Metrics, RefusesNamesAndTypesThatDoNotFit) {
  Metrics metrics;
  (void)metrics.counter("a", "");
  EXPECT_THROW((void)metrics.gauge("a", ""), ContractError);
  EXPECT_THROW((void)metrics.counter("0a", ""), ContractError);
  EXPECT_THROW((void)metrics.counter("b", "", {{"le", "1"}}), ContractError);
  constexpr double kFalling[] = {2, 1};
  EXPECT_THROW((void)metrics.histogram("c", "", kFalling), ContractError);
}

TEST(Metrics, LosesNothingBetweenThreads) {
  Metrics metrics;
  Counter& counter = metrics.counter("a", "");
  Gauge& gauge = metrics.gauge("g", "");
  Histogram& histogram = metrics.histogram("h", "", latency_bounds());
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 1000; ++i) {
          counter.add();
          gauge.add(1);
          histogram.observe(0.25);
          if (i % 100 == 0) (void)metrics.text();
        }
      });
    }
  }
  EXPECT_EQ(counter.value(), 4000U);
  EXPECT_EQ(gauge.value(), 4000);
  EXPECT_EQ(histogram.snapshot().sum, 1000);
}

}  // namespace
}  // namespace facet::service
