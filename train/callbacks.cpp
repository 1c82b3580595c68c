// Callbacks that show and write what a run comes to.
#include <xgrad/train/callbacks.hpp>

#include <xgrad/train/tensorboard.hpp>

#include <iostream>
#include <memory>

namespace xgrad::train {
namespace {

// What is not shown of a row: its place and its time, which the display has itself.
Scores shown(const Scores& scores) {
  Scores result;
  for (const auto& [name, value] : scores)
    if (name != "epoch" && name != "seconds" && name != "learning_rate") result.set(name, value);
  return result;
}

}  // namespace

Observer plateau(optim::Plateau& plateau, const std::string& monitor, Place place) {
  Observer observer;
  observer.name = "plateau";
  observer.state.emplace().add("plateau", plateau, place);
  observer.on_epoch = [&plateau, monitor, place](Run& run) {
    plateau.step(run.scores().at(monitor, place), place);
  };
  return observer;
}

Observer averaging(nn::ExponentialAverage& average, Place place) {
  Observer observer;
  observer.name = "averaging";
  observer.state.emplace().add("average", average, place);
  observer.on_update = [&average, place](Run& run) { average.update(run.model(), place); };
  return observer;
}

Observer progress(const ProgressOptions& options) { return progress(std::cout, options); }

Observer progress(std::ostream& stream, const ProgressOptions& options) {
  const auto display = std::make_shared<Progress>(stream, options);
  const auto total = std::make_shared<Index>(0);  // examples of an epoch, as far as is known
  Observer observer;
  observer.on_start = [total](Run&) { *total = 0; };
  observer.on_epoch_begin = [display, total](Run& run) {
    display->begin(std::to_string(run.epoch() + 1) + "/" + std::to_string(run.epochs()), *total,
                   run.epochs() - run.epoch() - 1, run.examples());
  };
  observer.on_batch = [display, total](Run& run) {
    // An epoch that was gone on with within has had batches before.
    if (*total == 0 && run.batch() > 0) {
      *total = run.examples() / run.batch() * run.batches();
      display->set_total(*total);
    }
    display->update(run.examples(), run.tallied());
  };
  observer.on_epoch = [display, total](Run& run) {
    if (run.batch() == run.batches()) *total = run.examples();
    display->end(shown(run.scores()));
  };
  observer.on_end = [display](Run& run) {
    if (!run.stopped().empty()) display->print("stopped: " + run.stopped());
  };
  return observer;
}

Observer csv(const std::string& path, Place place) {
  Observer observer;
  observer.on_epoch = [path, place](Run& run) { run.history().write_csv(path, place); };
  return observer;
}

Observer tensorboard(const std::string& directory, Place place) {
  const auto writer = std::make_shared<std::shared_ptr<EventWriter>>();  // made when the run begins
  Observer observer;
  observer.on_start = [=](Run&) { *writer = std::make_shared<EventWriter>(directory, place); };
  observer.on_epoch = [=](Run& run) {
    for (const auto& [name, value] : run.scores())
      if (name != "epoch") (*writer)->scalar(name, value, run.step(), place);
    (*writer)->flush(place);
  };
  return observer;
}

}  // namespace xgrad::train
