// Event files that TensorBoard shows.
// Invariant: what is written are whole records, one after the other; a run that is killed loses at most those
// that were not flushed.
#pragma once

#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/tensor.hpp>

#include <memory>
#include <string>
#include <string_view>

XGRAD_API_BEGIN
namespace xgrad::train {

/// Writes scalars into a new file in a directory, "events.out.tfevents.<time>.<host>.<process>.<number>":
/// `tensorboard --logdir DIRECTORY` shows them. The format is that of TensorFlow's TFRecord files, each
/// record an Event (tensorflow/core/util/event.proto). One that was moved from throws GraphError.
class EventWriter {
 public:
  /// Makes the directory where there is none. Throws IoError.
  explicit EventWriter(const std::string& directory, Place place = Place::here());
  EventWriter(EventWriter&&) noexcept;
  EventWriter& operator=(EventWriter&&) noexcept;
  /// Flushes; what cannot be written is lost without a word, so that flush() comes first where it matters.
  ~EventWriter();

  /// Kept until flush(), or until much has come or some seconds have gone by. The value is written as
  /// float32, as TensorBoard has it. Throws ValueError on a tag that is empty or no UTF-8, IoError.
  void scalar(std::string_view tag, double value, Index step, Place place = Place::here());
  /// Throws IoError.
  void flush(Place place = Place::here());
  const std::string& path() const&;
  std::string path() const&& { return path(); }

 private:
  struct Body;
  Body& body() const;

  std::unique_ptr<Body> body_;
};

}  // namespace xgrad::train
XGRAD_API_END
