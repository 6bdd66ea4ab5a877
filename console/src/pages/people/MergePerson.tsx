import { App, Flex, Form, Modal, Radio, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import type { Schema } from "../../api/client";
import { FailurePanel } from "../../common/states";
import { useMerge } from "./DuplicatePair";
import { nameOf, pathOf, type Person } from "./person";
import { PersonChoice } from "./PersonChoice";
import { PersonFace } from "./PersonFace";

interface Properties {
  library: Schema<"ShownLibrary">;
  person: Person;
  onClose: () => void;
}

/** Merges a person with another one of the library; either may be the one who stays. */
export function MergePerson({ library, person, onClose }: Properties) {
  const { t } = useTranslation("people");
  const { message } = App.useApp();
  const navigate = useNavigate();
  const [other, setOther] = useState<Person | null>(null);
  const [keepsOther, setKeepsOther] = useState(false);
  const merge = useMerge(library.id);
  const [keep, remove] = keepsOther ? [other, person] : [person, other];
  const run = () => {
    if (!keep || !remove) return;
    merge.mutate(
      { keep: keep.id, remove: remove.id },
      {
        onSuccess: () => {
          message.success(t("merge.done", { keep: nameOf(keep) }));
          onClose();
          if (keepsOther) void navigate(pathOf(library.id, keep.id));
        },
      },
    );
  };
  return (
    <Modal
      open
      title={t("merge.open", { name: nameOf(person) })}
      okText={t("merge.action")}
      okButtonProps={{ danger: true, disabled: !other, loading: merge.isPending }}
      onOk={run}
      onCancel={onClose}
    >
      <Flex vertical gap={12}>
        {merge.error && <FailurePanel failure={merge.error} />}
        <Form.Item label={t("merge.with")} htmlFor="merge-with" layout="vertical" style={{ margin: 0 }}>
          <PersonChoice id="merge-with" library={library.id} except={person.id} value={other} onChange={setOther} />
        </Form.Item>
        {other && keep && remove && (
          <>
            <Flex gap={16} justify="center">
              {[person, other].map((shown) => (
                <Flex key={shown.id} vertical align="center" gap={4} style={{ width: 140, textAlign: "center" }}>
                  <PersonFace person={shown} size={120} />
                  <span style={{ overflowWrap: "anywhere" }}>{nameOf(shown)}</span>
                </Flex>
              ))}
            </Flex>
            <Radio.Group
              value={keepsOther}
              onChange={({ target }) => setKeepsOther(target.value as boolean)}
              aria-label={t("merge.who")}
              options={[
                { value: false, label: t("merge.keep", { name: nameOf(person) }) },
                { value: true, label: t("merge.keep", { name: nameOf(other) }) },
              ]}
            />
            <Typography.Text>{t("merge.contentUnknown", { keep: nameOf(keep), remove: nameOf(remove) })}</Typography.Text>
          </>
        )}
      </Flex>
    </Modal>
  );
}
