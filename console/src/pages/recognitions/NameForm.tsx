import { useQueryClient } from "@tanstack/react-query";
import { App, Checkbox, Flex, Form, Input, Modal, Select, Typography } from "antd";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { FailurePanel } from "../../common/states";
import { momentText } from "../../common/time";
import { EntryPicture } from "./EntryPicture";
import { type Entry, type GroupOptions, MAX_MORE_FACES, type Naming, nameEntry, nameGroup } from "./recognitions";

const MAX_TAGS = 50;

interface Fields extends Naming, GroupOptions {}

/** Asks who an unknown face is, and makes a person of it. */
export function NameEntry({ entry, onClose }: { entry: Entry; onClose: () => void }) {
  const { t } = useTranslation("recognitions");
  return (
    <NameForm
      about={t("name.about")}
      pictures={<EntryPicture library={entry.libraryId} entry={entry.id} size={96} alt={t("picture", { time: momentText(entry.time) })} />}
      onName={async (fields) => {
        await nameEntry(entry.libraryId, entry.id, fields);
        return t("name.done", { name: fields.name });
      }}
      onClose={onClose}
    />
  );
}

interface GroupProperties {
  library: string;
  /** The entries of the group, the best face first. */
  entries: string[];
  number: number;
  onClose: () => void;
}

/** Asks who a group of unknown faces is, and makes one person of them. */
export function NameGroup({ library, entries, number, onClose }: GroupProperties) {
  const { t } = useTranslation("recognitions");
  const shown = entries.slice(0, 1 + MAX_MORE_FACES);
  return (
    <NameForm
      about={t("name.aboutGroup", { faces: entries.length })}
      isGroup
      pictures={shown.map((entry) => (
        <EntryPicture key={entry} library={library} entry={entry} size={72} alt={t("group.face", { number })} />
      ))}
      onName={async (fields) => {
        const { faces, faults, deleted } = await nameGroup(library, entries, fields, fields);
        const parts = [t("name.doneGroup", { name: fields.name, faces })];
        if (faults.length > 0) parts.push(t("name.someRefused", { refused: faults.length }));
        if (deleted > 0) parts.push(t("name.othersDeleted", { deleted }));
        return parts.join(t("name.separator"));
      }}
      onClose={onClose}
    />
  );
}

interface Properties {
  about: string;
  pictures: ReactNode;
  isGroup?: boolean;
  /** Makes the person. Returns what was done, in words. */
  onName: (fields: Fields) => Promise<string>;
  onClose: () => void;
}

function NameForm({ about, pictures, isGroup = false, onName, onClose }: Properties) {
  const { t } = useTranslation("recognitions");
  const { message } = App.useApp();
  const cache = useQueryClient();
  const [form] = Form.useForm<Fields>();
  const [isBusy, setIsBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const deletesOthers = Form.useWatch("deletesOthers", form) ?? false;
  const save = async (fields: Fields) => {
    setIsBusy(true);
    setFailure(null);
    try {
      message.success(await onName({ ...fields, name: fields.name.trim() }));
      onClose();
    } catch (error) {
      setFailure(error);
    } finally {
      setIsBusy(false);
      await cache.invalidateQueries();
    }
  };
  return (
    <Modal
      open
      title={t("name.title")}
      okText={t(deletesOthers ? "name.actionDeleting" : "name.action")}
      okButtonProps={{ danger: deletesOthers }}
      confirmLoading={isBusy}
      onOk={() => form.submit()}
      onCancel={onClose}
    >
      <Flex vertical gap={12}>
        <Flex gap={8} wrap>
          {pictures}
        </Flex>
        <Typography.Text type="secondary">{about}</Typography.Text>
        {failure ? <FailurePanel failure={failure} /> : null}
        <Form
          form={form}
          layout="vertical"
          disabled={isBusy}
          initialValues={{ addsFaces: isGroup, deletesOthers: false }}
          onFinish={(fields) => void save(fields)}
        >
          <Form.Item
            name="name"
            label={t("name.name")}
            rules={[{ required: true, whitespace: true, message: t("name.nameWanted") }]}
          >
            <Input maxLength={256} autoFocus />
          </Form.Item>
          <Form.Item name="externalId" label={t("name.externalId")} extra={t("name.externalIdHint")}>
            <Input maxLength={128} />
          </Form.Item>
          <Form.Item name="tags" label={t("name.tags")} extra={t("name.tagsHint")}>
            <Select mode="tags" tokenSeparators={[",", "，", ";", "；"]} open={false} suffixIcon={null} maxCount={MAX_TAGS} />
          </Form.Item>
          {isGroup && (
            <>
              <Form.Item name="addsFaces" valuePropName="checked" style={{ marginBottom: 4 }}>
                <Checkbox>{t("name.addsFaces", { most: MAX_MORE_FACES })}</Checkbox>
              </Form.Item>
              <Form.Item name="deletesOthers" valuePropName="checked" style={{ marginBottom: 0 }}>
                <Checkbox>{t("name.deletesOthers")}</Checkbox>
              </Form.Item>
            </>
          )}
        </Form>
      </Flex>
    </Modal>
  );
}
