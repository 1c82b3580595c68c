// Checkpoints: everything comes back bitwise, or nothing changes; which files a saver keeps.
#include <xgrad/data/loader.hpp>
#include <xgrad/io/checkpoint.hpp>
#include <xgrad/io/checkpoint_saver.hpp>
#include <xgrad/io/file.hpp>
#include <xgrad/nn/container.hpp>
#include <xgrad/nn/linear.hpp>
#include <xgrad/optim/adam.hpp>
#include <xgrad/optim/schedule.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>

#include <support/failing_memory.hpp>
#include <support/files.hpp>
#include <support/messages.hpp>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cmath>
#include <limits>

namespace {

using namespace xgrad;
namespace fs = std::filesystem;
using test::Bytes, test::contains, test::message_of, test::TemporaryDirectory;

bool bitwise_equal(const StateDict& a, const StateDict& b) {
  if (a.size() != b.size()) return false;
  for (const auto& [name, tensor] : a)
    if (!b.contains(name) || !xgrad::bitwise_equal(tensor, b.at(name))) return false;
  return true;
}

// A run with a part of every kind.
struct Run {
  nn::Sequential model{nn::Linear(3, 4), nn::Linear(4, 2)};
  optim::AdamW optimizer{model.parameters(), {.learning_rate = 0.1}};
  optim::Schedule schedule{optimizer, optim::StepLR(2)};
  Generator generator{std::numeric_limits<std::uint64_t>::max()};
  data::DataLoader<data::TensorDataset<1>> loader{data::TensorDataset(arange(6).reshape({6, 1})),
                                                  {.batch_size = 2}};
  int epoch = 0;
  bool done = false;
  float best = 0;
  std::uint8_t small = 0;
  std::string note;
  std::vector<double> losses;
  Tensor table{{1., 2.}};
  io::Checkpoint checkpoint = io::Checkpoint()
                                  .add("model", model)
                                  .add("optimizer", optimizer)
                                  .add("schedule", schedule)
                                  .add("generator", generator)
                                  .add("loader", loader)
                                  .add("epoch", epoch)
                                  .add("done", done)
                                  .add("best", best)
                                  .add("small", small)
                                  .add("note", note)
                                  .add("losses", losses)
                                  .add("table", table);

  Run() = default;
  Run(const Run&) = delete;

  void step() {
    optimizer.zero_grad();
    const Variable loss = sum(square(model(normal({2, 3}, 0, 1, float32, generator))));
    loss.backward();
    optimizer.step();
    schedule.step();
    losses.push_back(loss.item());
  }
};

}  // namespace

TEST_CASE("Checkpoint: every part comes back, bitwise, and goes on as it would have") {
  const TemporaryDirectory directory;
  const std::string path = directory.path("run");
  Run run;
  for (int i = 0; i < 3; ++i) run.step();
  static_cast<void>(*run.loader.begin());
  run.epoch = 7;
  run.done = true;
  run.best = 0.1f;
  run.small = 200;
  run.note = std::string("a\0b", 3);
  run.table = zeros({0, 2}, int64);
  run.checkpoint.save(path);
  const StateDict saved = run.checkpoint.state_dict();
  CHECK(saved.layout() == StateDict::Layout::xgrad);
  CHECK(saved.contains("model.0.weight"));
  CHECK(saved.contains("optimizer.state.0.exp_avg"));

  Run other;
  other.step();
  CHECK_FALSE(bitwise_equal(other.checkpoint.state_dict(), saved));
  other.checkpoint.load(path);
  CHECK(bitwise_equal(other.checkpoint.state_dict(), saved));
  CHECK(other.epoch == 7);
  CHECK(other.done);
  CHECK(other.best == 0.1f);
  CHECK(other.small == 200);
  CHECK(other.note == run.note);
  CHECK(other.losses == run.losses);
  CHECK(other.table.shape() == Shape{0, 2});
  run.step();
  other.step();
  CHECK(bitwise_equal(other.checkpoint.state_dict(), run.checkpoint.state_dict()));

  // The model alone, for those who do not go on.
  nn::Sequential model{nn::Linear(3, 4), nn::Linear(4, 2)};
  model.load_state_dict(io::load(path).without_prefix("model"));
  CHECK(bitwise_equal(model.state_dict(), saved.without_prefix("model")));
}

TEST_CASE("Checkpoint: a load that does not fit lists every mismatch of every part, and changes nothing") {
  const TemporaryDirectory directory;
  Run run;
  run.step();
  StateDict state = run.checkpoint.state_dict();
  state.set("model.0.bias", zeros({5}));
  state.erase("model.1.weight");
  state.set("optimizer.groups.0.learning_rate", scalar(-1., float64));
  state.set("schedule.step", scalar(-1));
  state.set("generator.seed", scalar(1., float64));
  state.set("loader.batch_size", scalar(3));
  state.set("epoch", scalar(std::numeric_limits<Index>::max()));
  state.set("done", scalar(1));
  state.set("small", scalar(256));
  state.set("note", scalar(1));
  state.set("best", scalar(1e300, float64));
  state.set("losses", zeros({2}));
  state.erase("table");
  state.set("models.x", scalar(1));

  Run other;
  other.step();
  const StateDict before = other.checkpoint.state_dict();
  const std::string text = message_of<ValueError>([&] { other.checkpoint.prepare_load(state).run(); });
  CAPTURE(text);
  for (const char* part : {"checkpoint_test.cpp:",
                           "Checkpoint: the checkpoint does not fit:",
                           "\nmodel: the dictionary does not fit",
                           "0.bias: expects the shape (4,), got (5,)",
                           "1.weight: missing",
                           "\noptimizer: ",
                           "learning_rate must be",
                           "\nschedule: ",
                           "step: must be at least 0",
                           "\ngenerator: ",
                           "\nloader: ",
                           "batch_size",
                           "\nepoch: the number 9223372036854775807 is beyond",
                           "\ndone: expects boolean (), got int64 ()",
                           "\nsmall: the number 256 is beyond",
                           "\nnote: expects a text",
                           "\nbest: the number 1000",
                           "\nlosses: expects float64 (n,)",
                           "\ntable: missing",
                           "\nmodels.x: belongs to no part"})
    CHECK_MESSAGE(contains(text, std::string(part)), part);
  CHECK(bitwise_equal(other.checkpoint.state_dict(), before));
}

TEST_CASE("Checkpoint: a file that is none, or is damaged, changes nothing") {
  const TemporaryDirectory directory;
  const std::string path = directory.path("run.safetensors");
  Run run;
  const StateDict before = run.checkpoint.state_dict();
  const auto rejected = [&] { return message_of<FormatError>([&] { run.checkpoint.load(path); }); };
  CHECK_THROWS_AS(run.checkpoint.load(path), IoError);
  io::save(path, run.checkpoint.state_dict());
  CHECK(contains(rejected(), {"Checkpoint: ", "run.safetensors: ", "but no checkpoint"}));
  io::save(path, run.checkpoint.state_dict(), {{"xgrad.checkpoint", "2"}});
  CHECK(contains(rejected(), "expects a checkpoint of version 1, got 2"));
  io::save(path, run.checkpoint.state_dict(), {{"xgrad.checkpoint", "1"}});
  CHECK(contains(rejected(), "the checkpoint is damaged"));

  Run other;
  other.step();
  other.checkpoint.save(path);
  std::ifstream stream(path, std::ios::binary);
  const Bytes whole{std::istreambuf_iterator<char>(stream), {}};
  for (std::size_t i = 0; i < whole.size(); i += 1 + i / 40) {
    Bytes damaged = whole;
    damaged[i] ^= 4;
    directory.write("run.safetensors", damaged);
    CHECK_THROWS_AS(run.checkpoint.load(path), FormatError);
  }
  for (std::size_t size = 0; size < whole.size(); ++size) {
    directory.write("run.safetensors", {whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)});
    CHECK_THROWS_AS(run.checkpoint.load(path), FormatError);
  }
  CHECK(bitwise_equal(run.checkpoint.state_dict(), before));
}

TEST_CASE("Checkpoint: names of parts are names, and none is within another") {
  int number = 0;
  io::Checkpoint checkpoint;
  checkpoint.add("a.b", number);
  for (const char* name : {"", ".", "c..d", "a", "a.b", "a.b.c"})
    CHECK_THROWS_AS(checkpoint.add(name, number), ValueError);
  checkpoint.add("a.bc", number);
  CHECK(checkpoint.state_dict().size() == 2);
  for (const char* path : {"a.pt", "a.pth", "a.npz", "a.npy"})
    CHECK(contains(message_of<ValueError>([&] { checkpoint.save(path); }),
                   "a checkpoint is a safetensors file"));
  Tensor undefined;
  CHECK_THROWS_AS(io::Checkpoint().add("t", undefined).state_dict(), ValueError);
  std::uint64_t large = std::numeric_limits<std::uint64_t>::max();
  CHECK_THROWS_AS(io::Checkpoint().add("t", large).state_dict(), ValueError);
}

namespace {

// A class of the user's whose load fails in its own way.
struct Odd {
  StateDict state_dict() const { return {{"x", scalar(1)}}; }
  PreparedLoad prepare_load(const StateDict&) const { throw ShapeError("it is odd"); }
};

}  // namespace

TEST_CASE("Checkpoint: errors of any type name their part beside those of the others") {
  Odd odd;
  int number = 1;
  io::Checkpoint checkpoint = io::Checkpoint().add("odd", odd).add("number", number);
  StateDict state = checkpoint.state_dict();
  state.erase("number");
  CHECK(contains(message_of<ValueError>([&] { checkpoint.prepare_load(state).run(); }),
                 {"\nodd: it is odd", "\nnumber: missing"}));
}

TEST_CASE("Checkpoint: memory that runs out while it loads changes nothing") {
  const TemporaryDirectory directory;
  const std::string path = directory.path("run");
  Run run, other;
  run.step();
  run.checkpoint.save(path);
  other.step();
  other.step();
  const StateDict before = other.checkpoint.state_dict();
  if (!test::memory_can_fail()) return;
  long failures = -1;
  test::with_failing_allocations([&](long allocations) {
    ++failures;
    if (test::runs_within(allocations, [&] { other.checkpoint.load(path); })) return true;
    REQUIRE(bitwise_equal(other.checkpoint.state_dict(), before));
    return false;
  });
  CHECK(failures > 50);
  CHECK(bitwise_equal(other.checkpoint.state_dict(), run.checkpoint.state_dict()));
}

namespace {

std::vector<std::string> names_in(const TemporaryDirectory& directory) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory.path("runs")))
    names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

std::string name_of(int step) {
  return "step-" + std::string(12 - std::to_string(step).size(), '0') + std::to_string(step) + ".safetensors";
}

}  // namespace

TEST_CASE("CheckpointSaver: every N steps, the last K, the best") {
  const TemporaryDirectory directory;
  const std::string runs = directory.path("runs");
  int value = 0;
  io::CheckpointSaver saver(runs, io::Checkpoint().add("value", value), {.every_steps = 10, .keep_last = 2});
  CHECK_FALSE(saver.resume());
  CHECK(std::isnan(saver.best()));
  for (int i = 1; i <= 45; ++i) {
    value = i;
    CHECK(saver.step() == (i % 10 == 0));
  }
  CHECK(names_in(directory) == std::vector{name_of(30), name_of(40)});
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK_FALSE(saver.offer(nan));
  CHECK(saver.offer(0.5));
  value = 46;
  CHECK_FALSE(saver.offer(0.5));
  CHECK_FALSE(saver.offer(0.4));
  CHECK(saver.best() == 0.5);
  CHECK(io::load(runs + "/best.safetensors").at("value").item<int>() == 45);
  value = 47;
  saver.save();
  CHECK(names_in(directory) == std::vector<std::string>{"best.safetensors", name_of(40), name_of(45)});

  int other = 0;
  io::CheckpointSaver next(runs, io::Checkpoint().add("value", other),
                           {.every_steps = 10, .keep_last = 2, .highest_best = false});
  // Until it is asked to go on with what is there, it overwrites nothing.
  CHECK(contains(message_of<ValueError>([&] { next.save(); }),
                 {"holds the checkpoints of another run", "resume()"}));
  CHECK_THROWS_AS(next.offer(1), ValueError);
  CHECK(std::isnan(next.best()));
  const io::Latest found = next.resume();
  CHECK(found.path == runs + "/" + name_of(45));
  CHECK(found.skipped.empty());
  CHECK(other == 47);
  CHECK(next.steps() == 45);
  CHECK(next.best() == 0.5);
  CHECK_FALSE(next.offer(0.6));
  CHECK(next.offer(0.3));
  for (int i = 46; i <= 50; ++i) CHECK(next.step() == (i == 50));
}

TEST_CASE("CheckpointSaver: a best that is kept is not lost to a worse one") {
  const TemporaryDirectory directory;
  const std::string runs = directory.path("runs"), best = runs + "/best.safetensors";
  int value = 1;
  const auto kept = [&] { return io::load(best).at("value").item<int>(); };
  {
    io::CheckpointSaver saver(runs, io::Checkpoint().add("value", value));
    CHECK(saver.offer(0.9));
  }
  value = 2;
  {
    // A directory that has nothing but the best.
    io::CheckpointSaver saver(runs, io::Checkpoint().add("value", value));
    CHECK_THROWS_AS(saver.offer(0.95), ValueError);
    CHECK_THROWS_AS(saver.step(), ValueError);
    CHECK_FALSE(saver.resume());
    CHECK(saver.best() == 0.9);
    CHECK_FALSE(saver.offer(0.5));
    saver.save();
    value = 3;
    CHECK(saver.offer(0.95));
  }
  {
    // The last state that was saved is from before the best, to which the run comes again.
    io::CheckpointSaver saver(runs, io::Checkpoint().add("value", value));
    CHECK(saver.resume());
    CHECK(value == 2);
    CHECK(saver.best() == 0.9);
    CHECK(saver.offer(0.92));
    CHECK(kept() == 3);
    CHECK(saver.offer(0.95));
    CHECK(kept() == 3);
    value = 4;
    CHECK(saver.offer(0.96));
    CHECK(kept() == 4);
  }
}

TEST_CASE(
    "CheckpointSaver: where no checkpoint is whole, none is overwritten; what cannot be read is not "
    "damaged") {
  const TemporaryDirectory directory;
  const std::string runs = directory.path("runs");
  int value = 1;
  io::CheckpointSaver first(runs, io::Checkpoint().add("value", value));
  first.save();
  fs::resize_file(runs + "/" + name_of(0), 20);
  io::CheckpointSaver second(runs, io::Checkpoint().add("value", value));
  const io::Latest found = second.resume();
  CHECK_FALSE(found);
  CHECK(found.skipped.size() == 1);
  CHECK_THROWS_AS(second.save(), ValueError);
  CHECK(fs::file_size(runs + "/" + name_of(0)) == 20);
  fs::remove(runs + "/" + name_of(0));
  fs::create_directory(runs + "/" + name_of(0));
  CHECK_THROWS_AS(second.resume(), IoError);
  // Whose names are not those that a saver gives.
  fs::remove(runs + "/" + name_of(0));
  directory.write("runs/step-1.safetensors", {});
  CHECK_FALSE(io::latest(runs));
  CHECK(io::latest(runs).skipped.empty());
}

TEST_CASE("CheckpointSaver: one that was moved from throws in every member") {
  const TemporaryDirectory directory;
  int value = 1;
  io::CheckpointSaver saver(directory.path("runs"), io::Checkpoint().add("value", value), {.every_steps = 1});
  const io::CheckpointSaver moved = std::move(saver);
  CHECK_THROWS_AS(saver.step(), GraphError);
  CHECK_THROWS_AS(saver.save(), GraphError);
  CHECK_THROWS_AS(saver.offer(1), GraphError);
  CHECK_THROWS_AS(saver.resume(), GraphError);
  CHECK_THROWS_AS(saver.steps(), GraphError);
  CHECK_THROWS_AS(saver.best(), GraphError);
  CHECK(moved.steps() == 0);
}

TEST_CASE("CheckpointSaver: by the clock") {
  const TemporaryDirectory directory;
  int value = 0;
  io::CheckpointSaver saver(directory.path("runs"), io::Checkpoint().add("value", value),
                            {.every_minutes = 1e-9});
  CHECK(saver.step());
  io::CheckpointSaver rare(directory.path("rare"), io::Checkpoint().add("value", value),
                           {.every_minutes = 1e9});
  CHECK_FALSE(rare.step());
}

TEST_CASE("latest: a damaged file is skipped, and named") {
  const TemporaryDirectory directory;
  const std::string runs = directory.path("runs");
  CHECK_FALSE(io::latest(runs));
  int value = 0;
  io::CheckpointSaver saver(runs, io::Checkpoint().add("value", value), {.keep_last = 0});
  for (int i = 1; i <= 4; ++i) {
    value = i;
    saver.step();
    saver.save();
  }
  fs::resize_file(runs + "/" + name_of(4), fs::file_size(runs + "/" + name_of(4)) - 1);
  directory.write("runs/" + name_of(3), {});
  // Neither is one of the run's.
  directory.write("runs/step-x.safetensors", {});
  directory.write("runs/.step-000000000009.safetensors.abcdefgh", {});
  // Nor is this one, which a process still writes to.
  const std::string living = directory.write("runs/.best.safetensors.abcdefgh", {});
  const int lock = ::open(living.c_str(), O_RDONLY);
  REQUIRE(::flock(lock, LOCK_EX) == 0);
  const io::Latest found = io::latest(runs);
  CHECK(found.path == runs + "/" + name_of(2));
  REQUIRE(found.skipped.size() == 2);
  CHECK(contains(found.skipped[0], name_of(4) + ": the header describes"));
  CHECK(contains(found.skipped[1], name_of(3) + ": the file is empty"));

  value = 0;
  io::CheckpointSaver next(runs, io::Checkpoint().add("value", value), {.keep_last = 1});
  CHECK_FALSE(fs::exists(runs + "/.step-000000000009.safetensors.abcdefgh"));
  CHECK(fs::exists(living));
  fs::remove(living);
  ::close(lock);
  CHECK(next.resume().skipped.size() == 2);
  CHECK(value == 2);
  // What is damaged is not counted among the last, and is not what stays.
  next.save();
  CHECK(names_in(directory) ==
        std::vector<std::string>{name_of(2), name_of(3), name_of(4), "step-x.safetensors"});
  next.step();
  next.save();
  CHECK(names_in(directory) == std::vector<std::string>{name_of(3), name_of(4), "step-x.safetensors"});
  CHECK(io::latest(runs).path == runs + "/" + name_of(3));

  directory.write("file", {});
  CHECK_THROWS_AS(io::latest(directory.path("file")), IoError);
  CHECK_THROWS_AS(io::CheckpointSaver(directory.path("file/x"), {}), IoError);
  CHECK_THROWS_AS(io::CheckpointSaver(runs, {}, {.every_steps = -1}), ValueError);
  CHECK_THROWS_AS(io::CheckpointSaver(runs, {}, {.every_minutes = -1}), ValueError);
  CHECK_THROWS_AS(io::CheckpointSaver(runs, {}, {.keep_last = -1}), ValueError);
}
