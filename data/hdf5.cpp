// The one source that includes HDF5, and all of the library xgrad_hdf5: it calls what the library xgrad
// exports. HDF5's own printing of errors is off during a call, and as it was afterwards.
#include <xgrad/data/hdf5.hpp>

#ifdef XGRAD_HDF5
// The interface that versions from 1.10 on have in common.
#define H5_USE_110_API
#include <hdf5.h>

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <filesystem>
#include <mutex>
#include <new>
#include <optional>
#include <utility>
#endif

namespace xgrad::data {

#ifdef XGRAD_HDF5
namespace {

// One of HDF5's objects, closed in the end.
class Handle {
 public:
  Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  explicit operator bool() const { return id_ >= 0; }
  hid_t id() const { return id_; }

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

// In its lifetime HDF5 is this thread's and prints nothing.
class Session {
 public:
  Session() : lock_(mutex()) {
    H5Eget_auto2(H5E_DEFAULT, &print_, &data_);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  }
  ~Session() {
    H5Eclear2(H5E_DEFAULT);
    H5Eset_auto2(H5E_DEFAULT, print_, data_);
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

 private:
  // Debian's HDF5 may not be called by two threads at once.
  static std::mutex& mutex() {
    static std::mutex instance;
    return instance;
  }

  std::scoped_lock<std::mutex> lock_;
  H5E_auto2_t print_ = nullptr;
  void* data_ = nullptr;
};

// What HDF5 says of the last error, where it was noticed.
std::string reason() {
  std::string text;
  const auto keep = [](unsigned, const H5E_error2_t* error, void* to) -> herr_t {
    try {
      auto& kept = *static_cast<std::string*>(to);
      if (kept.empty() && error->desc != nullptr) kept = error->desc;
    } catch (...) {
      return -1;
    }
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep, &text);
  return "HDF5: " + (text.empty() ? "unknown error" : text);
}

class File {
 public:
  explicit File(const std::string& path)
      : path_(path),
        size_(size_of(path)),
        file_(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose) {
    if (!file_) reject(reason());
  }

  [[noreturn]] void reject(const std::string& text) const {
    throw FormatError(xgrad::detail::message_prefix() + path_ + ": " + text, 0);
  }
  hid_t id() const { return file_.id(); }
  const std::string& path() const { return path_; }
  std::uint64_t size() const { return size_; }

  std::vector<std::string> names() const {
    struct Found {
      std::vector<std::string> names;
      std::exception_ptr thrown;
    } found;
    const auto visit = [](hid_t, const char* name, const H5O_info_t* info, void* to) -> herr_t {
      auto& its = *static_cast<Found*>(to);
      try {
        if (info->type == H5O_TYPE_DATASET) its.names.emplace_back(name);
      } catch (...) {
        its.thrown = std::current_exception();
        return -1;
      }
      return 0;
    };
    const herr_t code = H5Ovisit(id(), H5_INDEX_NAME, H5_ITER_INC, visit, &found);
    if (found.thrown) std::rethrow_exception(found.thrown);
    if (code < 0) reject(reason());
    std::sort(found.names.begin(), found.names.end());
    return std::move(found.names);
  }

 private:
  // HDF5 has one error for all reasons why a file cannot be opened.
  static std::uint64_t size_of(const std::string& path) {
    const auto refuse = [&](int code) {
      throw IoError(xgrad::detail::message_prefix() + "cannot read", path, code);
    };
    if (path.find('\0') != path.npos) refuse(EINVAL);
    std::error_code error;
    if (std::filesystem::is_directory(path, error)) refuse(EISDIR);
    const std::uint64_t size = std::filesystem::file_size(path, error);
    if (error) refuse(error.value());
    if (::access(path.c_str(), R_OK) != 0) refuse(errno);
    return size;
  }

  std::string path_;
  std::uint64_t size_;
  Handle file_;
};

struct Stored {
  DType dtype;
  hid_t memory;  // the type that HDF5 converts to
};

// Whether the names and values are those of h5py: FALSE = 0, TRUE = 1 in a byte.
bool is_boolean(hid_t type) {
  if (H5Tget_size(type) != 1 || H5Tget_nmembers(type) != 2) return false;
  for (const unsigned member : {0u, 1u}) {
    signed char value = -1;
    char* name = H5Tget_member_name(type, member);
    const bool good = name != nullptr && H5Tget_member_value(type, member, &value) >= 0 &&
                      (value == 0 || value == 1) && std::strcmp(name, value == 0 ? "FALSE" : "TRUE") == 0;
    H5free_memory(name);
    if (!good) return false;
  }
  return true;
}

std::optional<Stored> stored_as(hid_t type) {
  const std::size_t size = H5Tget_size(type);
  switch (H5Tget_class(type)) {
    case H5T_INTEGER:
      if (size > 8) return {};
      if (H5Tget_sign(type) == H5T_SGN_NONE)
        return size == 1 ? Stored{uint8, H5T_NATIVE_UINT8} : Stored{int64, H5T_NATIVE_UINT64};
      return Stored{int64, H5T_NATIVE_INT64};
    case H5T_FLOAT:
      if (size > 8) return {};
      return size <= 4 ? Stored{float32, H5T_NATIVE_FLOAT} : Stored{float64, H5T_NATIVE_DOUBLE};
    case H5T_ENUM:
      if (is_boolean(type)) return Stored{boolean, type};
      return {};
    default:
      return {};
  }
}

std::string name_of(hid_t type) {
  const std::string bits = " of " + std::to_string(8 * H5Tget_size(type)) + " bits";
  switch (H5Tget_class(type)) {
    case H5T_INTEGER:
      return "integers" + bits;
    case H5T_FLOAT:
      return "floating-point numbers" + bits;
    case H5T_STRING:
      return "strings";
    case H5T_COMPOUND:
      return "compounds";
    case H5T_ENUM:
      return "an enumeration";
    case H5T_VLEN:
      return "lists of varying length";
    case H5T_ARRAY:
      return "arrays";
    case H5T_REFERENCE:
      return "references";
    default:
      return "opaque elements";
  }
}

Shape shape_of(const File& file, const std::string& what, hid_t dataset, std::uint64_t element_bytes) {
  const Handle space(H5Dget_space(dataset), H5Sclose);
  if (!space) file.reject(reason());
  if (H5Sget_simple_extent_type(space.id()) == H5S_NULL) file.reject(what + " is empty: it has no shape");
  const int rank = H5Sget_simple_extent_ndims(space.id());
  if (rank < 0) file.reject(reason());
  if (rank > Shape::max_rank)
    file.reject(what + " has " + std::to_string(rank) + " axes, more than " +
                std::to_string(Shape::max_rank));
  hsize_t sizes[H5S_MAX_RANK] = {};
  if (H5Sget_simple_extent_dims(space.id(), sizes, nullptr) < 0) file.reject(reason());
  Shape shape;
  std::string declared;
  std::uint64_t bytes = element_bytes;
  bool possible = true, empty = false;
  for (int axis = 0; axis < rank; ++axis) {
    declared += (axis > 0 ? ", " : "") + std::to_string(sizes[axis]);
    empty = empty || sizes[axis] == 0;
    possible = possible && sizes[axis] <= INT64_MAX &&
               !__builtin_mul_overflow(bytes, std::max<hsize_t>(sizes[axis], 1), &bytes) &&
               bytes <= INT64_MAX;
    shape.push_back(static_cast<Index>(sizes[axis]));
  }
  // What is packed, or was never written, can be more than the file's bytes.
  constexpr std::uint64_t of_deflate = 1032, least = std::uint64_t{64} << 20;
  const Handle properties(H5Dget_create_plist(dataset), H5Pclose);
  if (!properties) file.reject(reason());
  const H5D_layout_t layout = H5Pget_layout(properties.id());
  if (layout == H5D_VIRTUAL || (layout == H5D_CONTIGUOUS && H5Pget_external_count(properties.id()) > 0))
    file.reject(what + " has its data in another file");
  H5D_space_status_t status = H5D_SPACE_STATUS_ERROR;
  if (H5Dget_space_status(dataset, &status) < 0) file.reject(reason());
  const bool plain = layout != H5D_CHUNKED && status == H5D_SPACE_STATUS_ALLOCATED;
  const std::uint64_t most =
      plain ? file.size() : std::max(least, of_deflate * std::min(file.size(), UINT64_MAX / of_deflate));
  if (!empty && (!possible || bytes > most))
    file.reject(what + " declares (" + declared + "), more than the " + std::to_string(file.size()) +
                " bytes of the file can hold");
  const long pages = ::sysconf(_SC_PHYS_PAGES), page = ::sysconf(_SC_PAGESIZE);
  if (!empty && pages > 0 && page > 0 &&
      bytes / static_cast<std::uint64_t>(page) >= static_cast<std::uint64_t>(pages))
    throw std::bad_alloc();
  return shape;
}

Tensor read_dataset(const File& file, const std::string& name) {
  const std::string what = "the dataset \"" + name + "\"";
  if (name.find('\0') != name.npos) fail<ValueError>("a name with a zero byte");
  const Handle dataset(H5Dopen2(file.id(), name.c_str(), H5P_DEFAULT), H5Dclose);
  if (!dataset) {
    const std::string text = reason();
    const std::vector<std::string> names = file.names();
    const std::string plain = name.substr(std::min(name.find_first_not_of('/'), name.size()));
    if (std::find(names.begin(), names.end(), plain) != names.end()) file.reject(text);
    constexpr std::size_t most = 50;
    std::string list;
    for (std::size_t i = 0; i < std::min(names.size(), most); ++i)
      list += (i > 0 ? ", \"" : "\"") + names[i] + "\"";
    if (names.size() > most) list += " and " + std::to_string(names.size() - most) + " more";
    fail<ValueError>(file.path() + ": there is no dataset \"" + name + "\"",
                     "there are " + (list.empty() ? "none" : list));
  }
  H5O_info_t of_file{}, of_dataset{};
  if (H5Oget_info(file.id(), &of_file) < 0 || H5Oget_info(dataset.id(), &of_dataset) < 0)
    file.reject(reason());
  if (of_file.fileno != of_dataset.fileno) file.reject(what + " is in another file");
  const Handle type(H5Dget_type(dataset.id()), H5Tclose);
  if (!type) file.reject(reason());
  const std::optional<Stored> stored = stored_as(type.id());
  if (!stored)
    fail<DTypeError>(file.path() + ": " + what + " has " + name_of(type.id()) +
                     ", for which there is no dtype");

  const auto element = static_cast<std::uint64_t>(element_size(stored->dtype));
  const Shape shape =
      shape_of(file, what, dataset.id(), std::min<std::uint64_t>(element, H5Tget_size(type.id())));
  Tensor result = Tensor::uninitialized(shape, stored->dtype);
  if (result.count() == 0) return result;
  std::byte* bytes = result.mutable_raw();
  if (H5Dread(dataset.id(), stored->memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes) < 0) file.reject(reason());
  if (stored->memory == H5T_NATIVE_UINT64)
    for (const Index number : result.span<Index>())
      if (number < 0)
        file.reject(what + " has the number " + std::to_string(static_cast<std::uint64_t>(number)) +
                    ", beyond int64");
  // A bool that is neither would be undefined behaviour of whoever reads it.
  if (stored->dtype == boolean &&
      std::any_of(bytes, bytes + result.count(), [](std::byte byte) { return byte > std::byte{1}; }))
    file.reject(what + " has a boolean that is neither 0 nor 1");
  return result;
}

}  // namespace

std::vector<std::string> hdf5_datasets(const std::string& path, Place place) {
  const Scope scope("hdf5_datasets", place);
  const Session session;
  return File(path).names();
}

Tensor read_hdf5(const std::string& path, const std::string& dataset, Place place) {
  const Scope scope("read_hdf5", place);
  const Session session;
  return read_dataset(File(path), dataset);
}

#else
namespace {

[[noreturn]] void reject_hdf5() {
  fail<NotImplementedError>("HDF5 files need HDF5, and the library was built without",
                            "install Debian's libhdf5-dev, then build again");
}

}  // namespace

std::vector<std::string> hdf5_datasets(const std::string&, Place place) {
  const Scope scope("hdf5_datasets", place);
  reject_hdf5();
}
Tensor read_hdf5(const std::string&, const std::string&, Place place) {
  const Scope scope("read_hdf5", place);
  reject_hdf5();
}
#endif

}  // namespace xgrad::data
