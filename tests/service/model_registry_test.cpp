#include "service/model_registry.h"

#include <gmock/gmock.h>

#include <atomic>
#include <fstream>
#include <future>

#include "models/packed_model.h"
#include "support/paths.h"
#include "support/tiny_sam.h"

namespace facet::service {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// Counts what it is asked for; it holds nothing.
class AskedStore : public EmbeddingStore {
 public:
  void find(const EmbeddingKey& /*key*/, std::function<void(std::optional<Embedding>)> answer) override {
    ++asked;
    answer({});
  }
  void insert(const EmbeddingKey& /*key*/, const Embedding& /*embedding*/) override { ++asked; }
  void erase(const EmbeddingKey& /*key*/) override { ++asked; }
  std::atomic<int> asked{0};
};

class ModelRegistryTest : public ::testing::Test {
 protected:
  ModelRegistryTest() { testing::write_tiny_sam(file); }

  Status load(ModelRegistry& registry, const ModelSpec& spec) {
    std::promise<Status> done;
    registry.load(spec, [&](const Status& status) { done.set_value(status); });
    return done.get_future().get();
  }

  // All of a set, once it took over or did not.
  Status replace(ModelRegistry& registry, ModelSet set) {
    std::promise<Status> done;
    registry.replace(std::move(set), {.done = [&](const Status& status) { done.set_value(status); }});
    return done.get_future().get();
  }
  static std::vector<std::string> names(const ModelRegistry& registry) {
    std::vector<std::string> all;
    for (const ModelReport& report : registry.reports()) all.push_back(report.spec.name);
    return all;
  }
  ModelSpec tiny(const std::string& name = "tiny") const { return {.name = name, .file = file}; }
  ModelSpec missing(const std::string& name) const { return {.name = name, .file = folder / "missing.pt"}; }

  testing::TemporaryFolder folder;
  const std::filesystem::path file = folder / "tiny.safetensors";
  Metrics metrics;
  EmbeddingCache cache{std::size_t{1} << 28, metrics};
  Engine engine{{.threads = 2}, cache, nullptr, metrics};
};

TEST_F(ModelRegistryTest, IsReadyOnceEveryModelServes) {
  ModelRegistry registry(engine, metrics, {});
  EXPECT_FALSE(registry.ready());
  EXPECT_EQ(registry.find("").status().code(), StatusCode::Unavailable);
  ASSERT_TRUE(replace(registry, {.models = {tiny()}}).ok());
  EXPECT_TRUE(registry.ready());
  EXPECT_EQ((*registry.find(""))->name, "tiny");
  EXPECT_EQ((*registry.find("tiny"))->generation, 1);
  EXPECT_THAT(metrics.text(), HasSubstr("facet_model_ready{model=\"tiny\"} 1"));
}

TEST_F(ModelRegistryTest, TriesEachModelOnTheEncoderAndLeavesNothingBehind) {
  AskedStore store;
  Engine stored{{.threads = 2}, cache, &store, metrics};
  ModelRegistry registry(stored, metrics, {});
  ASSERT_TRUE(load(registry, {.name = "tiny", .file = file}).ok());
  ASSERT_TRUE(load(registry, {.name = "twin", .file = file}).ok());
  EXPECT_THAT(metrics.text(), HasSubstr("facet_encode_batch_size_count 2"));
  EXPECT_EQ(store.asked, 0);
  EXPECT_EQ(cache.size(), 0U);
}

TEST_F(ModelRegistryTest, GoesOnServingWhenAReloadFails) {
  ModelRegistry registry(engine, metrics, {});
  ASSERT_TRUE(replace(registry, {.models = {tiny()}}).ok());
  const ServedModelPtr before = *registry.find("tiny");
  std::ofstream(folder / "broken.safetensors") << "not a model";
  const Status broken = load(registry, {.name = "tiny", .file = folder / "broken.safetensors"});
  EXPECT_EQ(broken.code(), StatusCode::BadModel);
  EXPECT_EQ(*registry.find("tiny"), before);
  EXPECT_TRUE(registry.ready());
  EXPECT_EQ(registry.reports().at(0).state, ModelState::Failed);
  EXPECT_EQ(registry.reports().at(0).spec.file, file);
}

TEST_F(ModelRegistryTest, AReloadTakesTheNameOverInOneStep) {
  ModelRegistry registry(engine, metrics, {});
  ASSERT_TRUE(load(registry, {.name = "tiny", .file = file}).ok());
  const ServedModelPtr before = *registry.find("tiny");
  ASSERT_TRUE(load(registry, {.name = "tiny", .file = file}).ok());
  const ServedModelPtr after = *registry.find("tiny");
  EXPECT_NE(after, before);
  EXPECT_EQ(after->generation, 2);
  EXPECT_EQ(model_info(*after->model).fingerprint, model_info(*before->model).fingerprint);
}

TEST_F(ModelRegistryTest, SaysWhyAModelDoesNotServe) {
  ModelRegistry registry(engine, metrics, {});
  EXPECT_FALSE(load(registry, {.name = "tiny", .file = folder / "missing.pt"}).ok());
  EXPECT_FALSE(registry.ready());
  const Status status = registry.find("tiny").status();
  EXPECT_EQ(status.code(), StatusCode::BadModel);
  EXPECT_THAT(status.message(), HasSubstr("model tiny"));
  EXPECT_EQ(load(registry, {.name = "tiny", .file = file, .precision = "int3"}).code(), StatusCode::Usage);
}

TEST_F(ModelRegistryTest, ServesInThePrecisionThatIsAskedFor) {
  ModelRegistry registry(engine, metrics, {});
  ASSERT_TRUE(load(registry, {.name = "tiny", .file = file, .precision = "bf16"}).ok());
  EXPECT_EQ(model_info(*(*registry.find("tiny"))->model).precision, "bf16");
}

TEST_F(ModelRegistryTest, ServesAPackedModelInWhatItWasPackedInWhereNobodyAsks) {
  ModelRegistry registry(engine, metrics, {});
  const std::filesystem::path packed = folder / "tiny.facet";
  ASSERT_TRUE(models::pack_model(testing::TinySam(), Precision::Int8, {}, packed)->written.ok());
  EXPECT_EQ(load(registry, {.name = "tiny", .file = packed, .precision = "fp32"}).code(),
            StatusCode::BadModel);
  EXPECT_EQ(registry.reports()[0].precision(), "fp32");
  ASSERT_TRUE(load(registry, {.name = "tiny", .file = packed}).ok());
  EXPECT_EQ(registry.reports()[0].precision(), "int8");
}

TEST_F(ModelRegistryTest, FollowsAliasesFromTheStart) {
  ModelRegistry registry(engine, metrics, {});
  std::promise<void> loading;
  registry.run([&, until = loading.get_future().share()](const std::stop_token&) { until.wait(); });
  registry.replace({.models = {tiny()}, .aliases = {{"fast", "tiny"}}});
  EXPECT_EQ(registry.find("fast").status().code(), StatusCode::Unavailable);
  loading.set_value();
  ASSERT_TRUE(load(registry, tiny()).ok());
  EXPECT_EQ((*registry.find("fast"))->name, "tiny");
  const Status unknown = registry.find("huge").status();
  EXPECT_EQ(unknown.code(), StatusCode::Usage);
  EXPECT_THAT(unknown.message(), HasSubstr("tiny, fast"));
}

TEST_F(ModelRegistryTest, StaysReadyWhileANewModelLoadsAndWhenItFails) {
  ModelRegistry registry(engine, metrics, {});
  ASSERT_TRUE(replace(registry, {.models = {tiny()}}).ok());
  std::promise<void> loading;
  registry.run([&, until = loading.get_future().share()](const std::stop_token&) { until.wait(); });
  std::promise<Status> loaded;
  registry.load(missing("new"), [&](const Status& status) { loaded.set_value(status); });
  EXPECT_TRUE(registry.ready());
  EXPECT_EQ(registry.reports().at(1).state, ModelState::Loading);
  loading.set_value();
  EXPECT_EQ(loaded.get_future().get().code(), StatusCode::BadModel);
  EXPECT_TRUE(registry.ready());
  EXPECT_EQ(registry.reports().at(1).state, ModelState::Failed);
  EXPECT_THAT(registry.reports().at(1).last_load.message(), HasSubstr("missing.pt"));
  ASSERT_TRUE(load(registry, tiny("new")).ok());
  EXPECT_EQ(registry.reports().at(1).spec.file, file);
  EXPECT_EQ((*registry.find("new"))->generation, 1);
}

TEST_F(ModelRegistryTest, TellsOfTheLastFailuresOnly) {
  ModelRegistry registry(engine, metrics, {});
  ASSERT_TRUE(replace(registry, {.models = {tiny()}}).ok());
  for (int i = 0; i < 40; ++i) EXPECT_FALSE(load(registry, missing("new" + std::to_string(i))).ok());
  EXPECT_EQ(registry.reports().size(), 17U);
  EXPECT_EQ(registry.reports().front().spec.name, "tiny");
  EXPECT_EQ(registry.reports().back().spec.name, "new39");
  EXPECT_EQ(registry.find("new0").status().code(), StatusCode::Usage);
  EXPECT_THAT(metrics.text(), Not(HasSubstr("new0")));
}

TEST_F(ModelRegistryTest, AnotherSetTakesOverInOneStep) {
  ModelRegistry registry(engine, metrics, {});
  ASSERT_TRUE(replace(registry, {.models = {tiny("a"), tiny("b")}, .aliases = {{"fast", "a"}}}).ok());
  ASSERT_TRUE(load(registry, tiny("added")).ok());
  std::promise<void> loaded;
  std::promise<void> go_on;
  const auto hold = [&, until = go_on.get_future().share()](const std::string&, const Status&) {
    loaded.set_value();
    until.wait();
  };
  registry.replace({.models = {tiny("c")}, .aliases = {{"quick", "c"}}}, {.loaded = hold});
  loaded.get_future().wait();
  EXPECT_THAT(names(registry), ElementsAre("a", "b", "added", "c"));
  EXPECT_EQ((*registry.find(""))->name, "a");
  EXPECT_TRUE(registry.find("fast").ok());
  go_on.set_value();
  ASSERT_TRUE(replace(registry, {.models = {tiny("c"), tiny("b")}, .aliases = {{"quick", "b"}}}).ok());
  EXPECT_THAT(names(registry), ElementsAre("c", "b"));
  EXPECT_EQ((*registry.find(""))->name, "c");
  EXPECT_EQ((*registry.find("quick"))->name, "b");
  for (const char* gone : {"a", "added", "fast"})
    EXPECT_EQ(registry.find(gone).status().code(), StatusCode::Usage) << gone;
  EXPECT_THAT(metrics.text(), Not(HasSubstr("model=\"a\"")));
}

TEST_F(ModelRegistryTest, ASetOfWhichNothingServesChangesNothing) {
  ModelRegistry registry(engine, metrics, {});
  ASSERT_TRUE(replace(registry, {.models = {tiny()}, .aliases = {{"fast", "tiny"}}}).ok());
  EXPECT_EQ(replace(registry, {.models = {missing("new")}}).code(), StatusCode::Unavailable);
  EXPECT_EQ((*registry.find(""))->name, "tiny");
  EXPECT_TRUE(registry.find("fast").ok());
  EXPECT_TRUE(registry.ready());
}

TEST_F(ModelRegistryTest, TheDefaultIsTheFirstThatServes) {
  ModelRegistry registry(engine, metrics, {});
  ASSERT_TRUE(replace(registry, {.models = {missing("new"), tiny()}}).ok());
  EXPECT_EQ((*registry.find(""))->name, "tiny");
  EXPECT_FALSE(registry.ready());
  EXPECT_EQ(registry.find("new").status().code(), StatusCode::BadModel);
}

TEST_F(ModelRegistryTest, WhatIsAskedForAfterASetIsServedBesideIt) {
  ModelRegistry registry(engine, metrics, {});
  std::promise<void> loading;
  registry.run([&, until = loading.get_future().share()](const std::stop_token&) { until.wait(); });
  registry.replace({.models = {tiny()}});
  std::promise<Status> added;
  registry.load(tiny("added"), [&](const Status& status) { added.set_value(status); });
  loading.set_value();
  EXPECT_TRUE(added.get_future().get().ok());
  EXPECT_THAT(names(registry), ElementsAre("tiny", "added"));
}

TEST_F(ModelRegistryTest, KeepsToTheMemoryBudget) {
  ModelRegistry registry(engine, metrics, {.memory_budget_bytes = std::filesystem::file_size(file) * 3 / 2});
  ASSERT_TRUE(load(registry, {.name = "tiny", .file = file}).ok());
  const Status second = load(registry, {.name = "other", .file = file});
  EXPECT_EQ(second.code(), StatusCode::OutOfMemory);
  EXPECT_THAT(second.message(), HasSubstr("budget"));
}

}  // namespace
}  // namespace facet::service
