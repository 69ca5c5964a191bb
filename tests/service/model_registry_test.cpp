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

using ::testing::HasSubstr;

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
  ASSERT_TRUE(load(registry, {.name = "tiny", .file = file}).ok());
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
  ASSERT_TRUE(load(registry, {.name = "tiny", .file = file}).ok());
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

TEST_F(ModelRegistryTest, FollowsAliasesAndRefusesCircles) {
  ModelRegistry registry(engine, metrics, {});
  ASSERT_TRUE(load(registry, {.name = "tiny", .file = file}).ok());
  ASSERT_TRUE(registry.set_alias("fast", "tiny").ok());
  ASSERT_TRUE(registry.set_alias("default", "fast").ok());
  EXPECT_EQ((*registry.find("default"))->name, "tiny");
  EXPECT_FALSE(registry.set_alias("tiny", "fast").ok());
  EXPECT_FALSE(registry.set_alias("fast", "default").ok());
  EXPECT_FALSE(registry.set_alias("self", "self").ok());
  const Status unknown = registry.find("huge").status();
  EXPECT_EQ(unknown.code(), StatusCode::Usage);
  EXPECT_THAT(unknown.message(), HasSubstr("tiny, default, fast"));
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
