module mio.async.file;

import mio.core;
import mio.net;
import mio.async.internal;
import mio.async.loop;
import mio.async.task;
import mio.async.io;
import mio.async.net;
import mio.async.blocking;
import mio.std;

namespace mio::async {
namespace {

constexpr std::size_t most_at_once = 128 * 1024;

// A buffer that work in the pool owns, from the free lists of frames if it is small.
class Buffer {
  public:
    explicit Buffer(std::size_t size) : bytes_(static_cast<std::byte*>(allocate_frame(size))), size_(size) {}
    Buffer(Buffer&& other) noexcept : bytes_(std::exchange(other.bytes_, nullptr)), size_(other.size_) {}
    Buffer& operator=(Buffer&&) = delete;
    ~Buffer() {
        if (bytes_ != nullptr) free_frame(bytes_, size_);
    }
    [[nodiscard]] std::span<std::byte> get() const noexcept { return {bytes_, size_}; }

  private:
    std::byte* bytes_;
    std::size_t size_;
};

struct Open {
    std::string path;
    OpenOptions options;
    Result<std::shared_ptr<FileHandle>> operator()() const {
        auto file = std::make_shared<FileHandle>(invalid_handle); // first, since it may throw
        auto handle = open_file(path, options);
        if (!handle) return std::unexpected(handle.error());
        file->set(*handle);
        return file;
    }
};
struct ReadResult {
    Buffer buffer;
    std::size_t count;
};
struct Read {
    std::shared_ptr<FileHandle> file;
    Buffer buffer;
    std::uint64_t offset;
    Result<ReadResult> operator()() {
        const auto got = read_file(file->get(), buffer.get(), offset);
        if (!got) return std::unexpected(got.error());
        return ReadResult{std::move(buffer), *got};
    }
};
struct Write {
    std::shared_ptr<FileHandle> file;
    Buffer buffer;
    std::uint64_t offset;
    Result<std::size_t> operator()() const { return write_file(file->get(), buffer.get(), offset); }
};
struct Sync {
    std::shared_ptr<FileHandle> file;
    Result<> operator()() const { return sync_file(file->get()); }
};
struct Size {
    std::shared_ptr<FileHandle> file;
    Result<std::uint64_t> operator()() const { return size_of_file(file->get()); }
};
struct Resize {
    std::shared_ptr<FileHandle> file;
    std::uint64_t size;
    Result<> operator()() const { return resize_file(file->get(), size); }
};

std::error_code closed() noexcept { return os_error(std::errc::bad_file_descriptor); }

struct SendFileOp {
    static constexpr Direction direction = Direction::write;
    static constexpr const char* name = "send_file";
    std::shared_ptr<FileHandle> file; // stays open while the operation waits
    std::uint64_t offset;
    std::uint64_t count;
    std::uint64_t sent = 0;
    bool is_empty() const noexcept { return count == 0; }
    Transferred operator()(Async<net::TcpStream>& io) noexcept {
        while (sent < count) {
            const auto part =
                static_cast<std::size_t>(std::min<std::uint64_t>(count - sent, std::size_t{1} << 30));
            const auto put = send_file_some(io.source(), file->get(), offset + sent, part);
            if (!put) return {static_cast<std::size_t>(sent), put.error()};
            if (*put == 0) break;
            sent += *put;
        }
        return {static_cast<std::size_t>(sent)};
    }
    Transferred stopped(const std::error_code& error) const noexcept {
        return {static_cast<std::size_t>(sent), error};
    }
};

} // namespace

FileHandle::~FileHandle() {
    if (handle_ != invalid_handle) close_file(handle_);
}

Task<Result<File>> File::open(Pool& pool, std::string path, OpenOptions options) {
    if (path.find('\0') != std::string::npos) co_return std::unexpected(make_error_code(Errc::interior_nul));
    if ((options.create || options.create_new || options.truncate) && !options.write)
        co_return std::unexpected(os_error(std::errc::invalid_argument));
    if (!options.read && !options.write) co_return std::unexpected(os_error(std::errc::invalid_argument));
    auto handle = co_await pool.run(Open{std::move(path), options});
    if (!handle) co_return std::unexpected(handle.error());
    co_return File(pool, std::move(*handle));
}

File File::from_raw(Pool& pool, RawHandle handle) { return File(pool, std::make_shared<FileHandle>(handle)); }

// The coroutines hold the pool and the shared handle, not the `File`, which the program may close, move or destroy
// while they wait.
namespace {

Task<Result<std::size_t>> read_some(Pool* pool, std::shared_ptr<FileHandle> file, std::span<std::byte> buffer,
                                    std::uint64_t offset) {
    const auto here = co_await this_context();
    if (here.scope->is_cancelled()) co_return std::unexpected(canceled_error());
    if (!file) co_return std::unexpected(closed());
    if (buffer.empty()) co_return std::size_t{0};
    if (file->reads_at_once) {
        auto got = read_file_at_once(file->get(), buffer, offset);
        if (got) {
            if (!here.loop->spend()) co_await yield();
            co_return got;
        }
        if (got.error() == Errc::unsupported)
            file->reads_at_once = false;
        else if (!would_block(got.error()))
            co_return got;
    }
    const auto read =
        co_await pool->run(Read{std::move(file), Buffer(std::min(buffer.size(), most_at_once)), offset});
    if (!read) co_return std::unexpected(read.error());
    std::ranges::copy(read->buffer.get().first(read->count), buffer.begin());
    co_return read->count;
}

Task<Transferred> read_all(Pool* pool, std::shared_ptr<FileHandle> file, std::span<std::byte> buffer,
                           std::uint64_t offset) {
    std::size_t count = 0;
    while (count < buffer.size()) {
        const auto got = co_await read_some(pool, file, buffer.subspan(count), offset + count);
        if (!got) co_return Transferred(count, got.error());
        if (*got == 0) co_return Transferred(count, make_error_code(Errc::end_of_stream));
        count += *got;
    }
    co_return Transferred(count);
}

Task<Result<std::size_t>> write_some(Pool* pool, std::shared_ptr<FileHandle> file,
                                     std::span<const std::byte> bytes, std::uint64_t offset) {
    if (!file) co_return std::unexpected(closed());
    if (bytes.empty()) co_return std::size_t{0};
    Buffer copy(std::min(bytes.size(), most_at_once));
    std::ranges::copy(bytes.first(copy.get().size()), copy.get().begin());
    co_return co_await pool->run(Write{std::move(file), std::move(copy), offset});
}

Task<Transferred> write_all(Pool* pool, std::shared_ptr<FileHandle> file, std::span<const std::byte> bytes,
                            std::uint64_t offset) {
    std::size_t count = 0;
    while (count < bytes.size()) {
        const auto put = co_await write_some(pool, file, bytes.subspan(count), offset + count);
        if (!put) co_return Transferred(count, put.error());
        count += *put;
    }
    co_return Transferred(count);
}

// Runs `Work` in the pool.
template <class T, class Work> Task<Result<T>> run_with(Pool* pool, Work work) {
    if (!work.file) co_return std::unexpected(closed());
    co_return co_await pool->run(std::move(work));
}

Task<Transferred> send(TcpStream* to, Pool* pool, std::shared_ptr<FileHandle> file, std::uint64_t offset,
                       std::uint64_t count) {
    if (!file) co_return Transferred(0, closed());
    const auto sent = co_await Operation<net::TcpStream, SendFileOp>(*to, SendFileOp{file, offset, count});
    if (sent || sent.error() != Errc::unsupported) co_return sent;
    std::size_t total = sent.count();
    Buffer buffer(16 * 1024);
    while (total < count) {
        const auto part = buffer.get().first(
            static_cast<std::size_t>(std::min<std::uint64_t>(buffer.get().size(), count - total)));
        const auto got = co_await read_some(pool, file, part, offset + total);
        if (!got) co_return Transferred(total, got.error());
        if (*got == 0) break;
        const auto put = co_await to->write_all(part.first(*got));
        total += put.count();
        if (!put) co_return Transferred(total, put.error());
    }
    co_return Transferred(total);
}

} // namespace

Task<Result<std::size_t>> File::read_at(std::span<std::byte> buffer, std::uint64_t offset) {
    return read_some(pool_, handle_, buffer, offset);
}
Task<Transferred> File::read_exact_at(std::span<std::byte> buffer, std::uint64_t offset) {
    return read_all(pool_, handle_, buffer, offset);
}
Task<Result<std::size_t>> File::write_at(std::span<const std::byte> bytes, std::uint64_t offset) {
    return write_some(pool_, handle_, bytes, offset);
}
Task<Transferred> File::write_all_at(std::span<const std::byte> bytes, std::uint64_t offset) {
    return write_all(pool_, handle_, bytes, offset);
}
Task<Result<>> File::sync() { return run_with<void>(pool_, Sync{handle_}); }
Task<Result<std::uint64_t>> File::size() { return run_with<std::uint64_t>(pool_, Size{handle_}); }
Task<Result<>> File::resize(std::uint64_t size) { return run_with<void>(pool_, Resize{handle_, size}); }

Task<Transferred> send_file(TcpStream& to, File& file, std::uint64_t offset, std::uint64_t count) {
    return send(&to, file.pool_, file.handle_, offset, count);
}

} // namespace mio::async
