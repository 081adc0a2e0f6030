"""Talking at all: clients, pings, versions, threads, the CLI (VPP: memclnt, vpe, vlib)."""

DEFINITIONS = r"""
type message_table_entry: u16 index, string[64] name
type module_version: u32 major, u32 minor, u32 patch, string[64] name
type thread_data: u32 id, string[64] name, string[64] type, u32 pid, u32 cpu_id, u32 core, u32 cpu_socket

raw sockclnt_create 455fb9c4 -> sockclnt_create_reply: u32 context, string[64] name
raw sockclnt_create_reply 35166268: u32 client_index, u32 context, i32 response, u32 index, u16 count, \
        message_table_entry[count] message_table
raw sockclnt_delete 8ac76db6 -> sockclnt_delete_reply: u32 client_index, u32 context, u32 index
raw sockclnt_delete_reply 8f38b1ee: u32 context, i32 response
call get_api_json 51077d14:
  reply ea715b59: string[] json
call api_versions 51077d14:
  reply 5f0d99d6: u32 count, module_version[count] api_versions
call control_ping 51077d14:
  reply f6b0b8ca: u32 client_index, u32 vpe_pid
call memclnt_keepalive 51077d14:
  reply e8d4e804:
call get_first_msg_id ebf79a66: string[64] name
  reply 7d337472: u16 first_msg_id
call show_version 51077d14:
  reply c919bde1: string[32] program, string[32] version, string[32] build_date, \
        string[256] build_directory
call show_vpe_system_time 51077d14:
  reply 7ffd8193: timestamp vpe_system_time
call show_threads 51077d14:
  reply efd78e83: u32 count, thread_data[count] thread_data
call cli_inband f8377302: string[] cmd
  reply 05879051: string[] reply
"""
