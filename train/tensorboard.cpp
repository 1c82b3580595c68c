// Event files: protobuf messages in TFRecord frames.
#include <xgrad/train/tensorboard.hpp>

#include <xgrad/data/utf8.hpp>
#include <xgrad/train/crc32c.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <system_error>

namespace xgrad::train {
namespace {

template <class T>
void put_little(std::string& bytes, T number) {
  for (std::size_t i = 0; i < sizeof(T); ++i) bytes += static_cast<char>((number >> (8 * i)) & 0xFFU);
}

void put_varint(std::string& bytes, std::uint64_t number) {
  for (; number >= 0x80U; number >>= 7U) bytes += static_cast<char>((number & 0x7FU) | 0x80U);
  bytes += static_cast<char>(number);
}

// Fields: a key of number and wire type, then the value.
enum class Wire : std::uint8_t { varint = 0, eight_bytes = 1, text = 2, four_bytes = 5 };
void put_key(std::string& bytes, unsigned field, Wire wire) {
  put_varint(bytes, (field << 3U) | static_cast<unsigned>(wire));
}
void put_double(std::string& bytes, unsigned field, double number) {
  put_key(bytes, field, Wire::eight_bytes);
  put_little(bytes, std::bit_cast<std::uint64_t>(number));
}
void put_float(std::string& bytes, unsigned field, float number) {
  put_key(bytes, field, Wire::four_bytes);
  put_little(bytes, std::bit_cast<std::uint32_t>(number));
}
void put_int64(std::string& bytes, unsigned field, std::int64_t number) {
  put_key(bytes, field, Wire::varint);
  put_varint(bytes, static_cast<std::uint64_t>(number));
}
void put_text(std::string& bytes, unsigned field, std::string_view text) {
  put_key(bytes, field, Wire::text);
  put_varint(bytes, text.size());
  bytes += text;
}

void put_record(std::string& bytes, std::string_view event) {
  std::string length;
  put_little(length, static_cast<std::uint64_t>(event.size()));
  bytes += length;
  put_little(bytes, detail::masked(detail::crc32c(length)));
  bytes += event;
  put_little(bytes, detail::masked(detail::crc32c(event)));
}

double wall_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string host() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "localhost";
  std::string text(name.data());
  for (char& c : text)
    if (c == '/') c = '_';
  return text;
}

constexpr std::size_t enough_bytes = std::size_t{1} << 16U;
constexpr std::chrono::seconds enough_time{5};

}  // namespace

struct EventWriter::Body {
  std::string path;
  std::string waiting;
  int descriptor = -1;
  std::chrono::steady_clock::time_point flushed = std::chrono::steady_clock::now();

  Body() = default;
  Body(const Body&) = delete;
  Body& operator=(const Body&) = delete;
  ~Body() {
    if (descriptor < 0) return;
    static_cast<void>(write());
    ::close(descriptor);
  }

  /// The errno, or 0. What was written is not kept for another try, so that no byte comes twice.
  int write() noexcept {
    int error = 0;
    std::size_t done = 0;
    while (done < waiting.size() && error == 0) {
      const ssize_t count = ::write(descriptor, waiting.data() + done, waiting.size() - done);
      if (count > 0)
        done += static_cast<std::size_t>(count);
      else if (count == 0 || errno != EINTR)
        error = count == 0 ? EIO : errno;
    }
    waiting.erase(0, done);
    flushed = std::chrono::steady_clock::now();
    return error;
  }
};

EventWriter::EventWriter(const std::string& directory, Place place) : body_(std::make_unique<Body>()) {
  const Scope scope("EventWriter", place);
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error)
    throw IoError(xgrad::detail::message_prefix() + "cannot make the directory", directory, error.value());
  const double now = wall_time();
  const std::string stem = "events.out.tfevents." + std::to_string(static_cast<std::int64_t>(now)) + "." +
                           host() + "." + std::to_string(::getpid()) + ".";
  for (int number = 0; body_->descriptor < 0; ++number) {
    body_->path = std::filesystem::path(directory) / (stem + std::to_string(number));
    body_->descriptor = ::open(body_->path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
    if (body_->descriptor < 0 && errno != EEXIST && errno != EINTR)
      throw IoError(xgrad::detail::message_prefix() + "cannot make the file", body_->path, errno);
  }
  std::string event;
  put_double(event, 1, now);
  put_text(event, 3, "brain.Event:2");
  put_record(body_->waiting, event);
  flush(place);
}

EventWriter::EventWriter(EventWriter&&) noexcept = default;
EventWriter& EventWriter::operator=(EventWriter&&) noexcept = default;
EventWriter::~EventWriter() = default;

EventWriter::Body& EventWriter::body() const {
  if (!body_) fail<GraphError>("EventWriter: it was moved from");
  return *body_;
}

const std::string& EventWriter::path() const& { return body().path; }

void EventWriter::scalar(std::string_view tag, double value, Index step, Place place) {
  const Scope scope("EventWriter", place);
  Body& to = body();
  if (tag.empty()) fail<ValueError>("the tag is empty");
  if (data::detail::utf8_end(tag) != tag.size()) fail<ValueError>("the tag is no UTF-8 text");
  std::string named, summary, event;
  put_text(named, 1, tag);
  put_float(named, 2, static_cast<float>(value));
  put_text(summary, 1, named);
  put_double(event, 1, wall_time());
  put_int64(event, 2, step);
  put_text(event, 5, summary);
  put_record(to.waiting, event);
  if (to.waiting.size() >= enough_bytes || std::chrono::steady_clock::now() - to.flushed >= enough_time)
    flush(place);
}

void EventWriter::flush(Place place) {
  const Scope scope("EventWriter", place);
  Body& to = body();
  if (const int error = to.write(); error != 0)
    throw IoError(xgrad::detail::message_prefix() + "cannot write", to.path, error);
}

}  // namespace xgrad::train
