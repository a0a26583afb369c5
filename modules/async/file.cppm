/// @file
/// Regular files, which no backend can wait for.

export module mio.async.file;

import mio.std;
import mio.core;
import mio.net;
import mio.async.loop;
import mio.async.task;
import mio.async.io;
import mio.async.net;
import mio.async.blocking;

namespace mio::async {

/// Options of `File::open`.
export struct OpenOptions {
    bool read = true;
    bool write = false;
    bool create = false;     ///< creates the file if it does not exist; needs `write`
    bool create_new = false; ///< as `create`, and fails with `file_exists` if it exists
    bool truncate = false;   ///< empties the file; needs `write`
};

// A handle that is shared with the work in the pool, so that it is closed after the work has ended.
class FileHandle {
  public:
    inline explicit FileHandle(RawHandle handle) noexcept : handle_(handle) {}
    FileHandle(const FileHandle&) = delete;
    FileHandle& operator=(const FileHandle&) = delete;
    ~FileHandle();

    [[nodiscard]] inline RawHandle get() const noexcept { return handle_; }
    // Takes `handle`; there was none before.
    inline void set(RawHandle handle) noexcept { handle_ = handle; }
    // Whether to try to read without waiting.
    bool reads_at_once = true;

  private:
    RawHandle handle_;
};

export class File;

/// Sends `count` bytes of `file`, starting at `offset`, to a stream; fewer if the file ends first. The count of the
/// result is valid even if there is an error. Where the OS has sendfile, it copies nothing and may wait for the disk;
/// elsewhere it reads and writes. `file` may be closed or destroyed meanwhile; `to` may be closed. Errors: those of
/// `read_at` and `write_all`; `operation_canceled`.
/// @see sendfile(2)
export [[nodiscard]] Task<Transferred> send_file(TcpStream& to, File& file, std::uint64_t offset,
                                                 std::uint64_t count);

/// A regular file that coroutines read and write at given offsets.
///
/// System calls that may wait for a disk run in a thread pool. On Linux 4.14 and newer, except 5.9 and 5.10, data in
/// the page cache is read at once instead. Reads and writes in the pool use a separate buffer, of at most 128 KiB, so
/// that the coroutine may be cancelled or destroyed meanwhile.
///
/// Several operations may run at once, from several coroutines, in any order. The file may be closed, moved or
/// destroyed while they wait: they continue, and it stays open until the last one has ended. Movable. The pool must
/// outlive the file.
///
/// **Cancellation.** Operations return `operation_canceled`. A read has then not changed its buffer; a write that has
/// started may still take effect.
export class File {
  public:
    /// Opens the file at `path`, which is UTF-8 on Windows. It is not inherited by child processes. Errors: the OS's
    /// own; `Errc::interior_nul`; `invalid_argument` for options that contradict each other.
    /// @see open(2), CreateFile
    [[nodiscard]] static Task<Result<File>> open(Pool& pool, std::string path, OpenOptions options = {});
    /// Takes ownership of `handle`, of a regular file: a descriptor, or a `HANDLE` that is not overlapped.
    [[nodiscard]] static File from_raw(Pool& pool, RawHandle handle);

    /// Reads at most `buffer.size()` bytes from `offset` and returns their number; 0 is the end of the file (or an
    /// empty buffer). It may return less than there is. Errors: the OS's own.
    /// @see pread(2), preadv2(2)
    [[nodiscard]] Task<Result<std::size_t>> read_at(std::span<std::byte> buffer, std::uint64_t offset);
    /// Reads until `buffer` is full. The count is valid even if there is an error: `Errc::end_of_stream` at the end of
    /// the file; those of `read_at`.
    [[nodiscard]] Task<Transferred> read_exact_at(std::span<std::byte> buffer, std::uint64_t offset);
    /// Writes at least one byte, at most 128 KiB, at `offset`, and returns the number. Errors: the OS's own.
    /// @see pwrite(2)
    [[nodiscard]] Task<Result<std::size_t>> write_at(std::span<const std::byte> bytes, std::uint64_t offset);
    /// Writes all of `bytes`. If there is an error, more than the count may have been written.
    [[nodiscard]] Task<Transferred> write_all_at(std::span<const std::byte> bytes, std::uint64_t offset);
    /// Waits until written data is on the disk. Errors: the OS's own.
    /// @see fsync(2), FlushFileBuffers
    [[nodiscard]] Task<Result<>> sync();
    /// The size in bytes. Errors: the OS's own.
    [[nodiscard]] Task<Result<std::uint64_t>> size();
    /// Changes the size; new bytes are 0. Errors: the OS's own.
    [[nodiscard]] Task<Result<>> resize(std::uint64_t size);

    /// Closes the file once the running operations have ended. Later ones fail.
    inline void close() noexcept { handle_.reset(); }
    [[nodiscard]] inline RawHandle raw() const noexcept { return handle_ ? handle_->get() : invalid_handle; }
    /// The pool that runs its system calls.
    [[nodiscard]] inline Pool& pool() const noexcept { return *pool_; }

  private:
    friend Task<Transferred> send_file(TcpStream& to, File& file, std::uint64_t offset, std::uint64_t count);
    inline File(Pool& pool, std::shared_ptr<FileHandle> handle) noexcept
        : pool_(&pool), handle_(std::move(handle)) {}

    Pool* pool_;
    std::shared_ptr<FileHandle> handle_;
};

// System calls, which may block.
Result<RawHandle> open_file(const std::string& path, const OpenOptions& options) noexcept;
Result<std::size_t> read_file(RawHandle file, std::span<std::byte> buffer, std::uint64_t offset) noexcept;
Result<std::size_t> write_file(RawHandle file, std::span<const std::byte> bytes,
                               std::uint64_t offset) noexcept;
Result<> sync_file(RawHandle file) noexcept;
Result<std::uint64_t> size_of_file(RawHandle file) noexcept;
Result<> resize_file(RawHandle file, std::uint64_t size) noexcept;
void close_file(RawHandle file) noexcept;
// Reads without waiting for the disk. Errors: would-block if that is impossible now, `Errc::unsupported` if always.
Result<std::size_t> read_file_at_once(RawHandle file, std::span<std::byte> buffer,
                                      std::uint64_t offset) noexcept;
// Errors: `Errc::unsupported` if the system has no such call; the OS's own.
Result<std::size_t> send_file_some(const net::TcpStream& to, RawHandle file, std::uint64_t offset,
                                   std::size_t count) noexcept;

} // namespace mio::async
