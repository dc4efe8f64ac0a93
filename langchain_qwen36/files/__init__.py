"""Files at a gateway: documents for `qwen-long`, input and results of batches, temporary URLs.

files = QwenFiles(gateway="dashscope")
report = files.wait_until_processed(files.upload("report.pdf"))
ChatQwen36(model="qwen-long").invoke([HumanMessage(["Sum it up.", report.content_block])])
"""

from langchain_qwen36.files.client import QwenFiles
from langchain_qwen36.files.uploaded_file import UploadedFile

__all__ = ["QwenFiles", "UploadedFile"]
