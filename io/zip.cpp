// Archives through libzip, whose own opening and replacing of files is not used: it gets bytes from an Input
// and gives them to a Sink. No exception passes through its C code: one is kept, and thrown behind it.
#include <xgrad/io/zip.hpp>

#include <xgrad/tensor/error.hpp>

#include <algorithm>

#ifdef XGRAD_LIBZIP
#include <zip.h>

#include <array>
#include <cerrno>
#include <deque>
#include <exception>
#include <mutex>
#include <numeric>
#include <utility>
#endif

namespace xgrad::io::detail {

std::uint64_t unpacked_limit(const ReadOptions& options, const Input& input) {
  constexpr std::uint64_t times = 64, least = std::uint64_t{64} << 20;
  if (options.max_unpacked != 0) return options.max_unpacked;
  return input.size() > ~std::uint64_t{0} / times ? ~std::uint64_t{0} : std::max(least, times * input.size());
}

#ifdef XGRAD_LIBZIP
namespace {

struct LibzipError {
  LibzipError() { zip_error_init(&error); }
  ~LibzipError() { zip_error_fini(&error); }
  LibzipError(const LibzipError&) = delete;
  LibzipError& operator=(const LibzipError&) = delete;
  zip_error_t error;
};

struct Discard {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
struct Close {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};
using Archive = std::unique_ptr<zip_t, Discard>;
using File = std::unique_ptr<zip_file_t, Close>;

// What libzip's calls come to: exceptions are kept.
struct Served {
  LibzipError error;
  std::exception_ptr thrown;

  // The result of f(), or -1 where it throws.
  template <class F>
  zip_int64_t keep(const F& f) noexcept {
    try {
      return static_cast<zip_int64_t>(f());
    } catch (...) {
      thrown = std::current_exception();
      zip_error_set(&error.error, ZIP_ER_INTERNAL, 0);
      return -1;
    }
  }
  void rethrow() {
    if (thrown) std::rethrow_exception(std::exchange(thrown, nullptr));
  }
};

zip_int64_t give_size(void* data, zip_uint64_t size) {
  auto* const stat = static_cast<zip_stat_t*>(data);
  zip_stat_init(stat);
  stat->valid = ZIP_STAT_SIZE;
  stat->size = size;
  return sizeof *stat;
}

struct Reading : Served {
  SharedInput input;
  std::uint64_t position = 0;
  std::uint64_t last = 0;  // where the last bytes were read

  static zip_int64_t serve(void* self, void* data, zip_uint64_t length, zip_source_cmd_t command) {
    auto& here = *static_cast<Reading*>(self);
    switch (command) {
      case ZIP_SOURCE_OPEN:
        here.position = 0;
        return 0;
      case ZIP_SOURCE_READ:
        return here.keep([&] {
          here.last = here.position;
          const std::size_t got = here.input->read_some(static_cast<std::byte*>(data),
                                                        static_cast<std::size_t>(length), here.last);
          here.position += got;
          return got;
        });
      case ZIP_SOURCE_SEEK: {
        const zip_int64_t to = zip_source_seek_compute_offset(here.position, here.input->size(), data, length,
                                                              &here.error.error);
        if (to < 0) return -1;
        here.position = static_cast<std::uint64_t>(to);
        return 0;
      }
      case ZIP_SOURCE_TELL:
        return static_cast<zip_int64_t>(here.position);
      case ZIP_SOURCE_STAT:
        return give_size(data, here.input->size());
      case ZIP_SOURCE_ERROR:
        return zip_error_to_data(&here.error.error, data, length);
      case ZIP_SOURCE_CLOSE:
      case ZIP_SOURCE_FREE:
        return 0;
      case ZIP_SOURCE_SUPPORTS:
        return zip_source_make_command_bitmap(ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE,
                                              ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR, ZIP_SOURCE_FREE,
                                              ZIP_SOURCE_SEEK, ZIP_SOURCE_TELL, ZIP_SOURCE_SUPPORTS, -1);
      default:
        zip_error_set(&here.error.error, ZIP_ER_OPNOTSUPP, 0);
        return -1;
    }
  }
};

struct Writing : Served {
  Sink* sink = nullptr;
  std::uint64_t end = 0;  // of what was written

  static zip_int64_t serve(void* self, void* data, zip_uint64_t length, zip_source_cmd_t command) {
    auto& here = *static_cast<Writing*>(self);
    switch (command) {
      case ZIP_SOURCE_WRITE:
        return here.keep([&] {
          here.sink->write({static_cast<const std::byte*>(data), static_cast<std::size_t>(length)});
          here.end = std::max(here.end, here.sink->position());
          return length;
        });
      case ZIP_SOURCE_SEEK_WRITE: {
        const zip_int64_t to =
            zip_source_seek_compute_offset(here.sink->position(), here.end, data, length, &here.error.error);
        if (to < 0) return -1;
        here.sink->seek(static_cast<std::uint64_t>(to));
        return 0;
      }
      case ZIP_SOURCE_TELL_WRITE:
        return static_cast<zip_int64_t>(here.sink->position());
      case ZIP_SOURCE_STAT:
        return give_size(data, 0);
      case ZIP_SOURCE_ERROR:
        return zip_error_to_data(&here.error.error, data, length);
      case ZIP_SOURCE_OPEN:
      case ZIP_SOURCE_CLOSE:
      case ZIP_SOURCE_BEGIN_WRITE:
      case ZIP_SOURCE_COMMIT_WRITE:
      case ZIP_SOURCE_ROLLBACK_WRITE:
      case ZIP_SOURCE_REMOVE:
      case ZIP_SOURCE_FREE:
        return 0;
      case ZIP_SOURCE_SUPPORTS:
        // Without the commands for reading, which are never given, libzip holds it for a read-only archive.
        return zip_source_make_command_bitmap(
            ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE, ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR,
            ZIP_SOURCE_FREE, ZIP_SOURCE_SEEK, ZIP_SOURCE_TELL, ZIP_SOURCE_SUPPORTS, ZIP_SOURCE_BEGIN_WRITE,
            ZIP_SOURCE_WRITE, ZIP_SOURCE_COMMIT_WRITE, ZIP_SOURCE_ROLLBACK_WRITE, ZIP_SOURCE_SEEK_WRITE,
            ZIP_SOURCE_TELL_WRITE, ZIP_SOURCE_REMOVE, -1);
      default:
        zip_error_set(&here.error.error, ZIP_ER_OPNOTSUPP, 0);
        return -1;
    }
  }
};

template <class Side>
Archive open_archive(Side& side, int flags, zip_error_t* error) {
  zip_source_t* const source = zip_source_function_create(Side::serve, &side, error);
  if (source == nullptr) return nullptr;
  Archive archive(zip_open_from_source(source, flags, error));
  if (!archive) zip_source_free(source);
  return archive;
}

// The archive holds a pointer to what it reads from, and is closed first.
struct Opened {
  Reading reading;
  Archive archive;
  std::mutex mutex;
  std::string comment;
  std::vector<ZipMember> members;
  std::vector<std::size_t> by_name;
  std::vector<std::uint64_t> verified;  // offset plus one; 0: not yet, or packed

  [[noreturn]] void refuse(const std::string& what, zip_error_t* error) {
    reading.rethrow();
    if (zip_error_code_zip(error) == ZIP_ER_MEMORY) throw AllocationError(0, "unpacking");
    reading.input->reject(what + ": " + zip_error_strerror(error), reading.last);
  }
};

}  // namespace

// ------------------------------------------------------------------------------------------------ reading

struct ZipReader::State : Opened {};

struct ZipStream::State {
  std::shared_ptr<ZipReader::State> opened;
  std::size_t member;
  std::unique_lock<std::mutex> lock;
  File file = nullptr;
  std::uint64_t position = 0;
  std::optional<std::uint64_t> start = {};  // of the content in the file, when it is not packed

  const ZipMember& described() const { return opened->members[member]; }
};

ZipReader::ZipReader(const SharedInput& input, std::uint64_t max_unpacked)
    : state_(std::make_shared<State>()) {
  State& state = *state_;
  state.reading.input = input;
  // To libzip that is an archive without members.
  if (input->size() == 0) input->reject("the file is empty", 0);
  LibzipError error;
  state.archive = open_archive(state.reading, ZIP_RDONLY, &error.error);
  if (!state.archive) state.refuse("this is no zip archive that is whole", &error.error);

  int length = 0;
  if (const char* const comment = zip_get_archive_comment(state.archive.get(), &length, ZIP_FL_ENC_RAW))
    state.comment.assign(comment, static_cast<std::size_t>(length));
  // libzip looks for the end of the archive and takes no notice of what follows.
  constexpr std::uint64_t end_size = 22;
  const std::uint64_t rest = end_size + state.comment.size();
  if (input->size() < rest || input->read_text(4, input->size() - rest, "the archive's end") != "PK\5\6")
    input->reject("something follows the end of the archive", input->size());

  const auto reject = [&](const std::string& name, const std::string& what) {
    input->reject("the member " + name + what, state.reading.last);
  };
  const auto count =
      static_cast<zip_uint64_t>(std::max<zip_int64_t>(zip_get_num_entries(state.archive.get(), 0), 0));
  std::uint64_t stored = 0, unpacked = 0;
  for (zip_uint64_t i = 0; i < count; ++i) {
    zip_stat_t stat;
    zip_stat_init(&stat);
    if (zip_stat_index(state.archive.get(), i, 0, &stat) != 0)
      state.refuse("a member cannot be read", zip_get_error(state.archive.get()));
    constexpr zip_uint64_t needed = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE |
                                    ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
    if ((stat.valid & needed) != needed) input->reject("a member is not described", state.reading.last);
    const std::string name = stat.name;
    if (stat.encryption_method != ZIP_EM_NONE) reject(name, " is encrypted");
    if (stat.comp_method != ZIP_CM_STORE && stat.comp_method != ZIP_CM_DEFLATE)
      reject(name, " is packed by method " + std::to_string(stat.comp_method) +
                       ", of which only 0 and 8 (deflate) are read");
    const bool packed = stat.comp_method != ZIP_CM_STORE;
    // No byte of a deflated stream stands for more than these.
    constexpr std::uint64_t most = 1032;
    if (stat.comp_size > input->size() ||
        (packed ? stat.size / most > stat.comp_size : stat.size != stat.comp_size))
      reject(name, " cannot be of " + std::to_string(stat.size) + " bytes, of which it takes " +
                       std::to_string(stat.comp_size) + " in the archive");
    if (__builtin_add_overflow(packed ? unpacked : stored, stat.size, packed ? &unpacked : &stored) ||
        stored > input->size())
      reject(name, " stands where others do");
    if (unpacked > max_unpacked)
      input->reject("the archive unpacks to " + std::to_string(unpacked) + " bytes or more, and only " +
                        std::to_string(max_unpacked) + " are allowed (ReadOptions::max_unpacked allows more)",
                    state.reading.last);
    state.members.push_back({name, stat.size, packed});
  }

  state.by_name.resize(state.members.size());
  std::iota(state.by_name.begin(), state.by_name.end(), std::size_t{0});
  const auto& members = state.members;
  std::sort(state.by_name.begin(), state.by_name.end(),
            [&](std::size_t a, std::size_t b) { return members[a].name < members[b].name; });
  for (std::size_t i = 1; i < members.size(); ++i)
    if (members[state.by_name[i]].name == members[state.by_name[i - 1]].name)
      reject(members[state.by_name[i]].name, " stands in the archive twice");
  state.verified.resize(members.size());
}

const std::vector<ZipMember>& ZipReader::members() const { return state_->members; }
const std::string& ZipReader::comment() const { return state_->comment; }

std::optional<std::size_t> ZipReader::find(std::string_view name) const {
  const auto& members = state_->members;
  const auto found =
      std::lower_bound(state_->by_name.begin(), state_->by_name.end(), name,
                       [&](std::size_t i, std::string_view wanted) { return members[i].name < wanted; });
  if (found == state_->by_name.end() || members[*found].name != name) return {};
  return *found;
}

ZipStream ZipReader::open(std::size_t member) const {
  auto stream =
      std::make_unique<ZipStream::State>(ZipStream::State{state_, member, std::unique_lock(state_->mutex)});
  stream->file.reset(zip_fopen_index(state_->archive.get(), member, 0));
  if (!stream->file)
    state_->refuse("the member " + members()[member].name + " cannot be read",
                   zip_get_error(state_->archive.get()));
  return ZipStream(std::move(stream));
}

std::string ZipReader::text(std::size_t member) const {
  std::string text(static_cast<std::size_t>(members()[member].size), '\0');
  ZipStream stream = open(member);
  stream.read(reinterpret_cast<std::byte*>(text.data()), text.size());
  stream.finish();
  return text;
}

std::optional<std::uint64_t> ZipReader::verified_at(std::size_t member) const {
  const std::lock_guard lock(state_->mutex);
  const std::uint64_t found = state_->verified[member];
  return found == 0 ? std::nullopt : std::optional(found - 1);
}

void ZipReader::reject(std::size_t member, const std::string& text, std::uint64_t offset) const {
  const std::optional<std::uint64_t> start = verified_at(member);
  const std::unique_lock lock(state_->mutex);
  const std::uint64_t last = state_->reading.last;
  state_->reading.input->reject("the member " + members()[member].name + ": " + text,
                                start ? *start + offset : last);
}

ZipStream::ZipStream(std::unique_ptr<State> state) : state_(std::move(state)) {}
ZipStream::ZipStream(ZipStream&&) noexcept = default;
ZipStream::~ZipStream() = default;

void ZipStream::read(std::byte* out, std::size_t count) {
  const ZipMember& member = state_->described();
  if (count > member.size - state_->position) reject("it ends too early", member.size);
  while (count > 0) {
    const zip_int64_t got = zip_fread(state_->file.get(), out, count);
    if (got < 0)
      state_->opened->refuse("the member " + member.name + " is damaged",
                             zip_file_get_error(state_->file.get()));
    if (got == 0) reject("it ends too early", state_->position);
    // Nothing is read ahead of a member that is not packed: its first bytes came from its start.
    if (!member.packed && !state_->start) state_->start = state_->opened->reading.last;
    state_->position += static_cast<std::uint64_t>(got);
    out += got;
    count -= static_cast<std::size_t>(got);
  }
}

void ZipStream::skip(std::uint64_t count) {
  std::array<std::byte, 1 << 15> ignored;
  for (; count > 0 && state_->position < state_->described().size;) {
    const auto part = static_cast<std::size_t>(
        std::min<std::uint64_t>({count, ignored.size(), state_->described().size - state_->position}));
    read(ignored.data(), part);
    count -= part;
  }
  if (count > 0) reject("it ends too early", state_->position);
}

void ZipStream::finish() {
  const ZipMember& member = state_->described();
  skip(member.size - state_->position);
  // The end is where libzip compares the check sum.
  std::byte beyond{};
  const zip_int64_t got = zip_fread(state_->file.get(), &beyond, 1);
  if (got < 0)
    state_->opened->refuse("the member " + member.name + " is damaged",
                           zip_file_get_error(state_->file.get()));
  if (got > 0) reject("it is longer than the archive says", member.size);
  if (state_->start) state_->opened->verified[state_->member] = *state_->start + 1;
}

void ZipStream::reject(const std::string& text, std::uint64_t offset) const {
  const Opened& opened = *state_->opened;
  opened.reading.input->reject("the member " + state_->described().name + ": " + text,
                               state_->start ? *state_->start + offset : opened.reading.last);
}

// ------------------------------------------------------------------------------------------------ writing

struct ZipWriter::State {
  Writing writing;
  std::deque<std::string> fronts;
  std::deque<std::vector<zip_buffer_fragment_t>> contents;
  Archive archive;
};

ZipWriter::ZipWriter(Sink& sink, const std::string& comment) : state_(std::make_unique<State>()) {
  state_->writing.sink = &sink;
  LibzipError error;
  state_->archive = open_archive(state_->writing, ZIP_CREATE | ZIP_TRUNCATE, &error.error);
  if (!state_->archive)
    throw IoError(xgrad::detail::message_prefix() + zip_error_strerror(&error.error), sink.path(), EIO);
  const auto length = static_cast<zip_uint16_t>(comment.size());
  if (length > 0 && zip_set_archive_comment(state_->archive.get(), comment.data(), length) != 0)
    throw AllocationError(length, "a zip archive");
}
ZipWriter::~ZipWriter() = default;

void ZipWriter::add(const std::string& name, std::string front, std::span<const std::byte> rest) {
  constexpr std::size_t longest = 0xffff;
  if (name.find('\0') != name.npos || name.size() > longest)
    fail<ValueError>("expects names of at most 65535 bytes, none of them zero, got one of " +
                     std::to_string(name.size()) + ", '" + name.substr(0, 60).c_str() + "'");
  state_->fronts.push_back(std::move(front));
  std::string& text = state_->fronts.back();
  // libzip takes bytes that it does not write to as what it could free, and stumbles over empty pieces.
  auto& pieces = state_->contents.emplace_back();
  const auto add = [&pieces](const void* bytes, std::size_t size) {
    if (size > 0) pieces.push_back({static_cast<zip_uint8_t*>(const_cast<void*>(bytes)), size});
  };
  add(text.data(), text.size());
  add(rest.data(), rest.size());
  zip_t* const archive = state_->archive.get();
  const auto refuse = [&] {
    zip_error_t* const error = zip_get_error(archive);
    if (zip_error_code_zip(error) == ZIP_ER_MEMORY) throw AllocationError(0, "a zip archive");
    fail<ValueError>("'" + name + "' cannot be a name in a zip archive: " + zip_error_strerror(error));
  };
  zip_source_t* const source = zip_source_buffer_fragment(archive, pieces.data(), pieces.size(), 0);
  if (source == nullptr) refuse();
  const zip_int64_t index = zip_file_add(archive, name.c_str(), source, ZIP_FL_ENC_UTF_8);
  if (index < 0) {
    zip_source_free(source);
    refuse();
  }
  // 1980-01-01, the first day there is, as NumPy writes.
  const auto at = static_cast<zip_uint64_t>(index);
  if (zip_set_file_compression(archive, at, ZIP_CM_STORE, 0) != 0 ||
      zip_file_set_dostime(archive, at, 0, 1 << 5 | 1, 0) != 0)
    refuse();
}

void ZipWriter::finish() {
  // libzip makes no archive without members: this is one.
  if (state_->contents.empty()) {
    std::array<std::byte, 22> end{std::byte{'P'}, std::byte{'K'}, std::byte{5}, std::byte{6}};
    return state_->writing.sink->write(end);
  }
  if (zip_close(state_->archive.get()) == 0) {
    state_->archive.release();
    return;
  }
  state_->writing.rethrow();
  throw IoError(xgrad::detail::message_prefix() +
                    "cannot write the archive: " + zip_error_strerror(zip_get_error(state_->archive.get())),
                state_->writing.sink->path(), EIO);
}

#else

namespace {

[[noreturn]] void refuse() {
  fail<NotImplementedError>(".npz files and those of PyTorch are zip archives, and this build has no libzip",
                            "install libzip-dev and configure the build again");
}

}  // namespace

struct ZipReader::State {};
struct ZipStream::State {};
struct ZipWriter::State {};

ZipReader::ZipReader(const SharedInput&, std::uint64_t) { refuse(); }
const std::vector<ZipMember>& ZipReader::members() const { refuse(); }
const std::string& ZipReader::comment() const { refuse(); }
std::optional<std::size_t> ZipReader::find(std::string_view) const { refuse(); }
ZipStream ZipReader::open(std::size_t) const { refuse(); }
std::string ZipReader::text(std::size_t) const { refuse(); }
std::optional<std::uint64_t> ZipReader::verified_at(std::size_t) const { refuse(); }
void ZipReader::reject(std::size_t, const std::string&, std::uint64_t) const { refuse(); }
ZipStream::ZipStream(std::unique_ptr<State> state) : state_(std::move(state)) {}
ZipStream::ZipStream(ZipStream&&) noexcept = default;
ZipStream::~ZipStream() = default;
void ZipStream::read(std::byte*, std::size_t) { refuse(); }
void ZipStream::skip(std::uint64_t) { refuse(); }
void ZipStream::finish() { refuse(); }
void ZipStream::reject(const std::string&, std::uint64_t) const { refuse(); }
ZipWriter::ZipWriter(Sink&, const std::string&) { refuse(); }
ZipWriter::~ZipWriter() = default;
void ZipWriter::add(const std::string&, std::string, std::span<const std::byte>) { refuse(); }
void ZipWriter::finish() { refuse(); }

#endif

}  // namespace xgrad::io::detail
