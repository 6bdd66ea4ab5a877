import { FileZipOutlined, FolderOpenOutlined, InboxOutlined } from "@ant-design/icons";
import { Button, Flex, theme, Typography } from "antd";
import { type DragEvent, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { chosenFiles, droppedFiles, type FoundFile } from "../../common/folder";
import { bytesText, countText } from "../../common/numbers";
import { MAX_ARCHIVE_BYTES } from "../../common/zip";
import { MAX_FILE_BYTES, MAX_FILES } from "./prepare";

interface Properties {
  isBusy: boolean;
  onFiles: (files: Promise<FoundFile[]>) => void;
}

/** Takes a folder of pictures, or an archive: dropped or chosen. */
export function ImportDrop({ isBusy, onFiles }: Properties) {
  const { t } = useTranslation("people");
  const { token } = theme.useToken();
  const [isOver, setIsOver] = useState(false);
  const folder = useRef<HTMLInputElement>(null);
  const archive = useRef<HTMLInputElement>(null);
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setIsOver(false);
    if (!isBusy) onFiles(droppedFiles(event.dataTransfer));
  };
  const over = (event: DragEvent) => {
    event.preventDefault();
    setIsOver(!isBusy);
  };
  const choose = (input: HTMLInputElement) => {
    if (input.files && input.files.length > 0) onFiles(Promise.resolve(chosenFiles(input.files)));
    input.value = "";
  };
  return (
    <Flex
      vertical
      align="center"
      gap={12}
      onDragOver={over}
      onDragEnter={over}
      onDragLeave={() => setIsOver(false)}
      onDrop={drop}
      style={{
        padding: 24,
        textAlign: "center",
        borderRadius: token.borderRadiusLG,
        border: `1px dashed ${isOver ? token.colorPrimary : token.colorBorder}`,
        background: isOver ? token.colorPrimaryBg : token.colorFillQuaternary,
      }}
    >
      <InboxOutlined style={{ fontSize: 36, color: token.colorPrimary }} aria-hidden />
      <Typography.Text strong>{t("import.drop")}</Typography.Text>
      <Flex gap={8} wrap justify="center">
        <Button icon={<FolderOpenOutlined />} disabled={isBusy} onClick={() => folder.current?.click()}>
          {t("import.chooseFolder")}
        </Button>
        <Button icon={<FileZipOutlined />} disabled={isBusy} onClick={() => archive.current?.click()}>
          {t("import.chooseArchive")}
        </Button>
      </Flex>
      <Typography.Text type="secondary">
        {t("import.limits", {
          files: countText(MAX_FILES),
          file: bytesText(MAX_FILE_BYTES),
          archive: bytesText(MAX_ARCHIVE_BYTES),
        })}
      </Typography.Text>
      <input
        ref={folder}
        type="file"
        webkitdirectory=""
        multiple
        hidden
        aria-label={t("import.chooseFolder")}
        onChange={({ target }) => choose(target)}
      />
      <input
        ref={archive}
        type="file"
        accept=".zip,application/zip"
        hidden
        aria-label={t("import.chooseArchive")}
        onChange={({ target }) => choose(target)}
      />
    </Flex>
  );
}
