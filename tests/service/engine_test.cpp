#include "service/engine.h"

#include <gmock/gmock.h>

#include <atomic>
#include <future>
#include <thread>

#include "models/sam_model.h"
#include "service/embeddings.h"
#include "support/manual_clock.h"
#include "support/tiny_sam.h"

namespace facet::service {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A store in memory whose answers the test gives.
class HeldStore : public EmbeddingStore {
 public:
  using Answer = std::function<void(std::optional<Embedding>)>;
  void find(const EmbeddingKey& /*key*/, Answer answer) override { answers.push_back(std::move(answer)); }
  void insert(const EmbeddingKey& /*key*/, const Embedding& /*embedding*/) override { ++inserted; }
  void erase(const EmbeddingKey& /*key*/) override {}
  std::vector<Answer> answers;
  std::atomic<int> inserted{0};
};

// One result, whenever it comes.
template <class T>
class Outcome {
 public:
  Completion<T> completion() {
    return [state = state_](Result<T> result) { state->set_value(std::move(result)); };
  }
  Result<T> get() { return state_->get_future().get(); }

 private:
  std::shared_ptr<std::promise<Result<T>>> state_ = std::make_shared<std::promise<Result<T>>>();
};

class EngineTest : public ::testing::Test {
 protected:
  EngineTest() {
    auto built = models::build_model(testing::TinySam(), ops::cpu_kernels());
    model = std::make_shared<const ServedModel>(ServedModel{"tiny", *built, 0, 1});
    options.threads = 2;
    options.max_queued = 4;
  }

  Engine& engine(EmbeddingStore* store = nullptr) {
    if (!engine_) engine_ = std::make_unique<Engine>(options, cache, store, metrics, clock);
    return *engine_;
  }

  EncodeRequest picture(const std::string& name, RequestScope scope = {}) {
    auto image = std::make_shared<Image>(Size{48, 64});
    image->pixel(10, 10)[0] = std::uint8_t(name.back());
    return {model, image, content_hash({}, name), {}, std::move(scope)};
  }
  Embedding embedding() {
    Outcome<Encoded> outcome;
    engine().encode(picture("embedding"), outcome.completion());
    return outcome.get()->embedding;
  }
  DecodeRequest click(const Embedding& on, float x, RequestScope scope = {}) {
    return {model, on, {{.points = {{x, 20}}, .labels = {1}}}, {}, std::move(scope)};
  }

  // Keeps the engine's thread inside a completion until released, so that what is sent meanwhile waits.
  class Hold {
   public:
    Hold(EngineTest& test, const Embedding& on, EmbeddingStore* store = nullptr) {
      auto reached = std::make_shared<std::promise<void>>();
      test.engine(store).decode(test.click(on, 30), [reached, until = release_.get_future().share()](auto) {
        reached->set_value();
        until.wait();
      });
      reached->get_future().wait();
    }
    ~Hold() { release(); }
    void release() {
      if (!std::exchange(released_, true)) release_.set_value();
    }

   private:
    std::promise<void> release_;
    bool released_ = false;
  };

  ServedModelPtr model;
  EngineOptions options;
  Metrics metrics;
  EmbeddingCache cache{std::size_t{1} << 30, metrics};
  testing::ManualClock clock;
  std::unique_ptr<Engine> engine_;
};

void expect_same(const ObjectPrediction& a, const ObjectPrediction& b) {
  ASSERT_EQ(a.masks.size(), b.masks.size());
  for (std::size_t m = 0; m < a.masks.size(); ++m) {
    EXPECT_EQ(a.masks[m].rle.counts, b.masks[m].rle.counts);
    EXPECT_NEAR(a.masks[m].score, b.masks[m].score, 1e-5);
  }
}

TEST_F(EngineTest, AnswersWhatAPredictorAnswers) {
  Predictor predictor(model->model, {.threads = 2});
  const EncodeRequest request = picture("a");
  const Embedding own = *predictor.set_image(*request.image);
  Outcome<Encoded> encoded;
  engine().encode(request, encoded.completion());
  const Result<Encoded> got = encoded.get();
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(got->source, EmbeddingSource::Encoded);
  EXPECT_TENSOR_NEAR(*got->embedding.features, *own.features, 0);

  const DecodeRequest ask = click(got->embedding, 12);
  Outcome<Decoded> decoded;
  engine().decode(ask, decoded.completion());
  const Result<Decoded> masks = decoded.get();
  ASSERT_TRUE(masks.ok());
  expect_same(masks->objects.at(0), predictor.predict(own, ask.prompts)->at(0));
}

TEST_F(EngineTest, PreparesAPictureForItsThirdClickWhileNobodyWaits) {
  const Embedding on = embedding();
  const auto prepared = [&] { return metrics.counter("facet_engine_prepared_ahead_total", "").value(); };
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(prepared(), 0);
    Outcome<Decoded> clicked;
    engine().decode(click(on, 12), clicked.completion());
    ASSERT_TRUE(clicked.get().ok());
  }
  while (prepared() == 0) std::this_thread::yield();
  const DecodeRequest third = click(on, 20);
  Outcome<Decoded> clicked;
  engine().decode(third, clicked.completion());
  const Result<Decoded> masks = clicked.get();
  ASSERT_TRUE(masks.ok());
  expect_same(masks->objects.at(0),
              Predictor(model->model, {.threads = 2}).predict(on, third.prompts)->at(0));
  EXPECT_EQ(prepared(), 1);
}

TEST_F(EngineTest, EncodesEqualPicturesInFlightOnce) {
  Hold hold(*this, embedding());
  Outcome<Encoded> first, second, other;
  engine().encode(picture("a"), first.completion());
  engine().encode(picture("a"), second.completion());
  engine().encode(picture("b"), other.completion());
  hold.release();
  const Result<Encoded> a = first.get();
  const Result<Encoded> joined = second.get();
  EXPECT_EQ(a->source, EmbeddingSource::Encoded);
  EXPECT_EQ(joined->source, EmbeddingSource::Joined);
  EXPECT_EQ(a->embedding.features, joined->embedding.features);
  EXPECT_EQ(other.get()->source, EmbeddingSource::Encoded);
  Outcome<Encoded> again;
  engine().encode(picture("a"), again.completion());
  EXPECT_EQ(again.get()->source, EmbeddingSource::Memory);
}

TEST_F(EngineTest, ACancelledCallerLeavesTheOthersTheirWork) {
  Hold hold(*this, embedding());
  std::stop_source gone;
  Outcome<Encoded> first, second;
  engine().encode(picture("a", {.stop = gone.get_token()}), first.completion());
  engine().encode(picture("a"), second.completion());
  gone.request_stop();
  hold.release();
  EXPECT_EQ(first.get().status().code(), StatusCode::Cancelled);
  EXPECT_TRUE(second.get().ok());
}

TEST_F(EngineTest, DoesNotBeginWhatNobodyWaitsForAnyMore) {
  const Embedding on = embedding();
  Hold hold(*this, on);
  std::stop_source gone;
  const RequestScope scope{.stop = gone.get_token()};
  Outcome<Encoded> encode;
  Outcome<Decoded> decode;
  Outcome<EverythingFound> everything;
  engine().encode(picture("a", scope), encode.completion());
  engine().decode(click(on, 12, scope), decode.completion());
  engine().everything({model, on, nullptr, {}, scope}, everything.completion());
  gone.request_stop();
  hold.release();
  EXPECT_EQ(encode.get().status().code(), StatusCode::Cancelled);
  EXPECT_EQ(decode.get().status().code(), StatusCode::Cancelled);
  EXPECT_EQ(everything.get().status().code(), StatusCode::Cancelled);
  EXPECT_FALSE(cache.find(embedding_key(*model, content_hash({}, "a"), {})).has_value());
}

TEST_F(EngineTest, DropsWorkWhoseDeadlinePassedInTheQueue) {
  const Embedding on = embedding();
  Hold hold(*this, on);
  const RequestScope scope{.deadline = clock.now() + std::chrono::seconds(5)};
  Outcome<Encoded> late, joined_late, in_time;
  Outcome<Decoded> decode;
  engine().encode(picture("a", scope), late.completion());
  engine().encode(picture("b", scope), joined_late.completion());
  engine().encode(picture("b"), in_time.completion());
  engine().decode(click(on, 12, scope), decode.completion());
  clock.advance(std::chrono::seconds(6));
  hold.release();
  EXPECT_EQ(late.get().status().code(), StatusCode::DeadlineExceeded);
  EXPECT_EQ(joined_late.get().status().code(), StatusCode::DeadlineExceeded);
  EXPECT_EQ(decode.get().status().code(), StatusCode::DeadlineExceeded);
  EXPECT_TRUE(in_time.get().ok());
  Outcome<Encoded> too_late;
  engine().encode(picture("c", scope), too_late.completion());
  EXPECT_EQ(too_late.get().status().code(), StatusCode::DeadlineExceeded);
}

TEST_F(EngineTest, RefusesAtOnceBeyondTheBoundOfEachLane) {
  const Embedding on = embedding();
  Hold hold(*this, on);
  std::vector<Outcome<Encoded>> encodes(4);
  std::vector<Outcome<Decoded>> decodes(4);
  for (int i = 0; i < 4; ++i) {
    engine().encode(picture(std::string(1, char('a' + i))), encodes[i].completion());
    engine().decode(click(on, 12), decodes[i].completion());
  }
  Outcome<Encoded> one_more_encode;
  Outcome<Decoded> one_more_decode;
  engine().encode(picture("z"), one_more_encode.completion());
  engine().decode(click(on, 12), one_more_decode.completion());
  EXPECT_EQ(one_more_encode.get().status().code(), StatusCode::Unavailable);
  EXPECT_EQ(one_more_decode.get().status().code(), StatusCode::Unavailable);
  EXPECT_GE(engine().retry_after(), std::chrono::seconds(1));
  hold.release();
  for (Outcome<Encoded>& encode : encodes) EXPECT_TRUE(encode.get().ok());
  for (Outcome<Decoded>& decode : decodes) EXPECT_TRUE(decode.get().ok());
}

TEST_F(EngineTest, RefusesADecodeThatWouldWaitTooLongBeyondTheFirstFew) {
  options.max_queued = 100;
  options.max_decode_wait = std::chrono::milliseconds(0);
  engine_ = std::make_unique<Engine>(options, cache, nullptr, metrics);  // real time: a decode takes some
  const Embedding on = embedding();
  { Hold pace(*this, on); }
  Hold hold(*this, on);
  std::vector<Outcome<Decoded>> decodes(11);
  for (Outcome<Decoded>& decode : decodes) engine().decode(click(on, 12), decode.completion());
  for (int i = 8; i < 11; ++i) EXPECT_EQ(decodes[i].get().status().code(), StatusCode::Unavailable);
  hold.release();
  for (int i = 0; i < 8; ++i) EXPECT_TRUE(decodes[i].get().ok());
  EXPECT_THAT(metrics.text(), HasSubstr(R"(facet_engine_refused_total{lane="decode",reason="full"} 3)"));
}

TEST_F(EngineTest, JoinsDecodesOfOneEmbedding) {
  const Embedding on = embedding();
  Hold hold(*this, on);
  std::vector<Outcome<Decoded>> decodes(3);
  for (int i = 0; i < 3; ++i) engine().decode(click(on, float(10 + 10 * i)), decodes[i].completion());
  hold.release();
  Predictor predictor(model->model, {.threads = 2});
  for (int i = 0; i < 3; ++i) {
    const Result<Decoded> decoded = decodes[i].get();
    ASSERT_TRUE(decoded.ok());
    const DecodeRequest alone = click(on, float(10 + 10 * i));
    expect_same(decoded->objects.at(0), predictor.predict(on, alone.prompts)->at(0));
  }
  EXPECT_THAT(metrics.text(),
              HasSubstr("facet_decode_batch_prompts_sum 4\nfacet_decode_batch_prompts_count 2"));
}

TEST_F(EngineTest, LetsOthersInBetweenTheTurnsOfALargeDecode) {
  options.max_decode_batch = 2;
  const Embedding on = embedding();
  Hold hold(*this, on);
  std::vector<std::string> order;
  DecodeRequest large = click(on, 10);
  for (int i = 1; i < 5; ++i) large.prompts.push_back(click(on, float(10 + 5 * i)).prompts[0]);
  std::promise<Result<Decoded>> large_done;
  engine().decode(large, [&](Result<Decoded> result) {
    order.emplace_back("large");
    large_done.set_value(std::move(result));
  });
  DecodeRequest small = click(on, 12);
  small.options.multimask = false;  // not joined
  engine().decode(small, [&](const Result<Decoded>&) { order.emplace_back("small"); });
  hold.release();
  const Result<Decoded> decoded = large_done.get_future().get();
  ASSERT_TRUE(decoded.ok());
  EXPECT_THAT(order, ElementsAre("small", "large"));
  ASSERT_EQ(decoded->objects.size(), 5U);
  Predictor predictor(model->model, {.threads = 2});
  const auto alone = predictor.predict(on, large.prompts);
  for (int i = 0; i < 5; ++i) expect_same(decoded->objects[i], (*alone)[i]);
}

TEST_F(EngineTest, RunsADecodeInTheMiddleOfALongJob) {
  const Embedding on = embedding();
  std::vector<std::string> order;
  std::promise<void> done;
  EverythingRequest request{model, on, nullptr, {.points_per_side = 4}, {}};
  request.options.progress = [&, asked = false](int, int) mutable {
    if (std::exchange(asked, true)) return;
    engine().decode(click(on, 12), [&](const Result<Decoded>& result) {
      order.emplace_back(result.ok() ? "decode" : result.status().message());
    });
  };
  engine().everything(request, [&](const Result<EverythingFound>& result) {
    order.emplace_back(result.ok() ? "everything" : result.status().message());
    done.set_value();
  });
  done.get_future().wait();
  EXPECT_THAT(order, ElementsAre("decode", "everything"));
}

TEST_F(EngineTest, IsNotAliveWhileItsWorkHangs) {
  const Embedding on = embedding();
  clock.advance(2 * options.hang_limit);
  while (!engine().alive()) std::this_thread::yield();  // until it knows that it has nothing to do
  Hold hold(*this, on);
  clock.advance(options.hang_limit / 2);
  EXPECT_TRUE(engine().alive());
  clock.advance(options.hang_limit);
  EXPECT_FALSE(engine().alive());
  hold.release();
  Outcome<Decoded> decoded;
  engine().decode(click(on, 12), decoded.completion());
  EXPECT_TRUE(decoded.get().ok());
  EXPECT_TRUE(engine().alive());
}

TEST_F(EngineTest, EachPlaceThatLetsOthersInIsASignOfLife) {
  std::atomic<bool> alive = true;
  EverythingRequest request{model, embedding(), nullptr, {.points_per_side = 8}, {}};
  request.options.progress = [&](int, int) {
    clock.advance(options.hang_limit / 2);
    if (!engine().alive()) alive = false;
  };
  Outcome<EverythingFound> everything;
  engine().everything(request, everything.completion());
  EXPECT_TRUE(everything.get().ok());
  EXPECT_TRUE(alive);
}

TEST_F(EngineTest, AnswersABadPromptAtOnce) {
  DecodeRequest request = click(embedding(), 1000);
  Outcome<Decoded> outcome;
  engine().decode(request, outcome.completion());
  EXPECT_EQ(outcome.get().status().code(), StatusCode::BadPrompt);
}

TEST_F(EngineTest, OneBadPictureOfABatchFailsAlone) {
  options.batching_pays = true;
  options.max_batch = 2;
  options.max_delay = std::chrono::milliseconds(100);
  const auto good = std::make_shared<Image>(Size{48, 64});
  Outcome<Encoded> fine, bad;
  const EncodeExpectation more = engine().expect_encode();
  engine().encode({model, good, content_hash({}, "good"), {}, {}}, fine.completion());
  engine().encode({model, std::make_shared<Image>(Size{1, 9}), content_hash({}, "bad"), {}, {}},
                  bad.completion());
  EXPECT_EQ(bad.get().status().code(), StatusCode::BadPicture);
  EXPECT_TRUE(fine.get().ok());
}

TEST_F(EngineTest, ClosesBatchesWhenFullAndWhenTheDelayIsOver) {
  options.batching_pays = true;
  options.max_batch = 2;
  options.max_delay = std::chrono::milliseconds(100);
  std::vector<Outcome<Encoded>> encodes(3);
  const EncodeExpectation more = engine().expect_encode();
  for (int i = 0; i < 2; ++i)
    engine().encode(picture(std::string(1, char('a' + i))), encodes[i].completion());
  EXPECT_TRUE(encodes[0].get().ok());
  EXPECT_TRUE(encodes[1].get().ok());
  engine().encode(picture("c"), encodes[2].completion());
  clock.advance(options.max_delay);
  EXPECT_TRUE(encodes[2].get().ok());
  EXPECT_THAT(metrics.text(), HasSubstr("facet_encode_batches_closed_total{reason=\"delay\"} 1\n"
                                        "facet_encode_batches_closed_total{reason=\"full\"} 1"));
}

TEST_F(EngineTest, WaitsForPicturesOnTheirWayAndForNoOthers) {
  options.batching_pays = true;
  Outcome<Encoded> alone, first, second;
  engine().encode(picture("alone"), alone.completion());
  EXPECT_TRUE(alone.get().ok());  // time stands still
  EncodeExpectation expectation = engine().expect_encode();
  EncodeExpectation another = engine().expect_encode();
  engine().encode(picture("first"), first.completion());
  EncodeRequest request = picture("second");
  request.expectation = std::move(expectation);
  engine().encode(std::move(request), second.completion());
  EXPECT_THAT(metrics.text(), HasSubstr("facet_encode_batch_size_count 1\n"));
  another = nullptr;  // it was no picture
  EXPECT_TRUE(first.get().ok());
  EXPECT_TRUE(second.get().ok());
  EXPECT_THAT(metrics.text(), HasSubstr("facet_encode_batches_closed_total{reason=\"complete\"} 2"));
  EXPECT_THAT(metrics.text(), HasSubstr("facet_encode_batch_size_sum 3\nfacet_encode_batch_size_count 2"));
}

TEST_F(EngineTest, WhatWaitedMeanwhileIsOneBatch) {
  options.batching_pays = true;
  std::vector<Outcome<Encoded>> encodes(3);
  {
    Hold hold(*this, embedding());
    for (int i = 0; i < 3; ++i)
      engine().encode(picture(std::string(1, char('a' + i))), encodes[i].completion());
  }
  for (Outcome<Encoded>& encode : encodes) EXPECT_TRUE(encode.get().ok());
  EXPECT_THAT(metrics.text(), HasSubstr("facet_encode_batch_size_sum 4\nfacet_encode_batch_size_count 2"));
}

TEST_F(EngineTest, DoesNotWaitForABatchThatBringsNothing) {
  Outcome<Encoded> encode;
  engine().encode(picture("a"), encode.completion());
  EXPECT_TRUE(encode.get().ok());  // time stands still
  EXPECT_THAT(metrics.text(), HasSubstr("facet_encode_batches_closed_total{reason=\"alone\"} 1"));
}

TEST_F(EngineTest, TakesAnEmbeddingFromTheStore) {
  HeldStore store;
  Outcome<Encoded> encode, joined;
  engine(&store).encode(picture("a"), encode.completion());
  engine(&store).encode(picture("a"), joined.completion());
  ASSERT_EQ(store.answers.size(), 1U);
  store.answers[0](random_embedding(1, model_info(*model->model).fingerprint));
  EXPECT_EQ(encode.get()->source, EmbeddingSource::Store);
  EXPECT_EQ(joined.get()->source, EmbeddingSource::Joined);
  EXPECT_EQ(store.inserted, 0);
}

TEST_F(EngineTest, APictureWithoutANameIsEncodedAlwaysAndKeptNowhere) {
  HeldStore store;
  EncodeRequest nameless = picture("a");
  nameless.content.reset();
  Outcome<Encoded> first, second;
  {
    Hold hold(*this, *Predictor(model->model, {.threads = 2}).set_image(*nameless.image), &store);
    engine().encode(nameless, first.completion());
    engine().encode(nameless, second.completion());
  }
  EXPECT_EQ(first.get()->source, EmbeddingSource::Encoded);
  EXPECT_EQ(second.get()->source, EmbeddingSource::Encoded);
  EXPECT_TRUE(store.answers.empty());
  EXPECT_EQ(store.inserted, 0);
  EXPECT_EQ(cache.size(), 0U);
}

TEST_F(EngineTest, EncodesAndStoresWhatTheStoreHasNot) {
  HeldStore store;
  Outcome<Encoded> encode;
  engine(&store).encode(picture("a"), encode.completion());
  store.answers.at(0)({});
  EXPECT_EQ(encode.get()->source, EmbeddingSource::Encoded);
  EXPECT_EQ(store.inserted, 1);
}

TEST_F(EngineTest, PreparesPicturesWhileTheStoreIsAsked) {
  const Embedding on = *Predictor(model->model, {.threads = 2}).set_image(*picture("a").image);
  HeldStore store;
  Outcome<Encoded> encode;
  engine(&store).encode(picture("b"), encode.completion());
  for (int i = 0; i < 2; ++i) {
    Outcome<Decoded> clicked;
    engine().decode(click(on, 12), clicked.completion());
    ASSERT_TRUE(clicked.get().ok());
  }
  const Counter& prepared = metrics.counter("facet_engine_prepared_ahead_total", "");
  while (prepared.value() == 0) std::this_thread::yield();
  store.answers.at(0)({});
  EXPECT_TRUE(encode.get().ok());
}

TEST_F(EngineTest, ALateAnswerOfTheStoreHarmsNobody) {
  HeldStore store;
  Outcome<Encoded> encode;
  engine(&store).encode(picture("a"), encode.completion());
  engine_ = nullptr;
  EXPECT_EQ(encode.get().status().code(), StatusCode::Cancelled);
  store.answers.at(0)(random_embedding(1));
}

TEST_F(EngineTest, AnswersCancelledToWhoeverWaitsWhenItEnds) {
  const Embedding on = embedding();
  Outcome<Encoded> encode;
  Outcome<Decoded> decode;
  {
    Hold hold(*this, on);
    engine().encode(picture("a"), encode.completion());
    engine().decode(click(on, 12), decode.completion());
    std::thread ending([&] { engine_ = nullptr; });
    hold.release();
    ending.join();
  }
  const StatusCode encoded = encode.get().status().code();
  const StatusCode decoded = decode.get().status().code();
  EXPECT_TRUE(encoded == StatusCode::Cancelled || encoded == StatusCode::Ok);
  EXPECT_TRUE(decoded == StatusCode::Cancelled || decoded == StatusCode::Ok);
}

}  // namespace
}  // namespace facet::service
