common_SRCS := \
	common/addr.c \
	common/arena.c \
	common/block_view.c \
	common/catalog.c \
	common/codec.c \
	common/codec_pack.c \
	common/codec_zstd.c \
	common/conf.c \
	common/counters.c \
	common/crash.c \
	common/element_list.c \
	common/err.c \
	common/filter.c \
	common/filter_print.c \
	common/filter_value.c \
	common/guard.c \
	common/hash.c \
	common/holder.c \
	common/ie.c \
	common/ie_value.c \
	common/kv.c \
	common/log.c \
	common/names.c \
	common/packet.c \
	common/proc.c \
	common/ring.c \
	common/rpc.c \
	common/rpc_parse.c \
	common/segment_file.c \
	common/services.c \
	common/shm.c \
	common/snapshot.c \
	common/stage.c \
	common/timeframe.c \
	common/tz.c \
	common/zone.c
common_LIBS := -llmdb -lzmq -ljansson -lsodium -lxxhash -lzstd -lm
